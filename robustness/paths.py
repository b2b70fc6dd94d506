"""Folders of the data that ships with the project."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ASSETS = ROOT / "assets"
INDEXES = ROOT / "indexes"
BACKBONE = ASSETS / "backbone"
BACKBONE_ID = "steadfast-mini"
PREFIXES = ASSETS / "prefixes"
INSTRUCTIONS = ASSETS / "instructions"
TASKS = ASSETS / "tasks"
