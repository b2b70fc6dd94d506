"""The library's modules that the page and its jobs call, each imported at its first use.

The page is shown before the libraries that compute are loaded; see `server.opening`.
"""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from robustness import evidence, suggestions, wording
    from robustness.evaluation import perturbations
    from robustness.paraphrasing import llm_paraphraser
    from robustness.scoring import batch, rows
    from robustness.training.backbone import study

__all__ = [
    "batch", "evidence", "llm_paraphraser", "perturbations", "rows", "study", "suggestions",
    "wording",
]

# Name here -> module; the imports above tell type checkers the same, and a test compares them.
_PLACES = {
    "batch": "robustness.scoring.batch",
    "evidence": "robustness.evidence",
    "llm_paraphraser": "robustness.paraphrasing.llm_paraphraser",
    "perturbations": "robustness.evaluation.perturbations",
    "rows": "robustness.scoring.rows",
    "study": "robustness.training.backbone.study",
    "suggestions": "robustness.suggestions",
    "wording": "robustness.wording",
}


def __getattr__(name: str) -> ModuleType:
    """A module of the table."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = importlib.import_module(_PLACES[name])
    globals()[name] = found
    return found
