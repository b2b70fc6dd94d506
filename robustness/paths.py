"""Where the shipped data lies.

Refuses to know what is in it.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ASSETS = ROOT / "assets"
INDEXES = ROOT / "indexes"
BACKBONE = ASSETS / "backbone"
BACKBONE_ID = "steadfast-mini"
PREFIXES = ASSETS / "prefixes"
INSTRUCTIONS = ASSETS / "instructions"
TASKS = ASSETS / "tasks"
