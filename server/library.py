"""The library's modules that the page and its jobs call, each imported at its first use.

The page is shown before the libraries that compute are loaded; see `server.opening`.
"""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from robustness import suggestions
    from robustness.evaluation import perturbations
    from robustness.paraphrasing import llm_paraphraser
    from robustness.prediction import comparison, predictor
    from robustness.scoring import batch
    from robustness.training.backbone import study

__all__ = [
    "batch", "comparison", "llm_paraphraser", "perturbations", "predictor", "study", "suggestions",
]

# Name here -> module; the imports above tell type checkers the same, and a test compares them.
_PLACES = {
    "batch": "robustness.scoring.batch",
    "comparison": "robustness.prediction.comparison",
    "llm_paraphraser": "robustness.paraphrasing.llm_paraphraser",
    "perturbations": "robustness.evaluation.perturbations",
    "predictor": "robustness.prediction.predictor",
    "study": "robustness.training.backbone.study",
    "suggestions": "robustness.suggestions",
}


def __getattr__(name: str) -> ModuleType:
    """A module of the table."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = importlib.import_module(_PLACES[name])
    globals()[name] = found
    return found
