"""Folders of the data that ships with the project."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
INSTALLED = (_PACKAGE / "assets").is_dir()
"""Whether this is an installed wheel, which carries the data inside the package, not a checkout."""
ROOT = _PACKAGE if INSTALLED else _PACKAGE.parent
ASSETS = ROOT / "assets"
INDEXES = ROOT / "indexes"
BACKBONE = ASSETS / "backbone"
BACKBONE_ID = "steadfast-mini"
PACKAGED_ID = "SmolLM2-135M-Instruct"
"""The model that a Python package carries, see `models/packaged.py`."""
TUNED = ASSETS / "steadfast-smollm2"
"""The difference of the tuned model to that one, see `models/difference.py`."""
PREFIXES = ASSETS / "prefixes"
INSTRUCTIONS = ASSETS / "instructions"
TASKS = ASSETS / "tasks"
