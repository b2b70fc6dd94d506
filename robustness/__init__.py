"""Predicts how much accuracy a language model loses when an instruction is rephrased.

The names in `__all__` are the public API; they are imported when they are first used, so that
`import robustness` loads neither torch nor transformers.

    from robustness import BACKBONE, TransformersEngine, Workbench

    workbench = Workbench(TransformersEngine(BACKBONE))
    prediction = workbench.predict("Say if this is a view or a fact.", task="subjectivity")

Does not serve over HTTP; see `server`.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from robustness.errors import InputError, RobustnessError
    from robustness.models.adapters import shipped as shipped_adapters
    from robustness.models.remote_engine import RemoteEngine
    from robustness.models.transformers_engine import TransformersEngine
    from robustness.paths import BACKBONE
    from robustness.types import (
        Comparison,
        Example,
        Instruction,
        Measurement,
        Prediction,
        TaskType,
        Tier,
    )
    from robustness.workbench import Workbench

__version__ = "0.2.0"

__all__ = [
    "BACKBONE",
    "Comparison",
    "Example",
    "InputError",
    "Instruction",
    "Measurement",
    "Prediction",
    "RemoteEngine",
    "RobustnessError",
    "TaskType",
    "Tier",
    "TransformersEngine",
    "Workbench",
    "shipped_adapters",
]

# Public name -> (module, name there).
_PLACES = {
    "BACKBONE": ("robustness.paths", "BACKBONE"),
    "Comparison": ("robustness.types", "Comparison"),
    "Example": ("robustness.types", "Example"),
    "InputError": ("robustness.errors", "InputError"),
    "Instruction": ("robustness.types", "Instruction"),
    "Measurement": ("robustness.types", "Measurement"),
    "Prediction": ("robustness.types", "Prediction"),
    "RemoteEngine": ("robustness.models.remote_engine", "RemoteEngine"),
    "RobustnessError": ("robustness.errors", "RobustnessError"),
    "TaskType": ("robustness.types", "TaskType"),
    "Tier": ("robustness.types", "Tier"),
    "TransformersEngine": ("robustness.models.transformers_engine", "TransformersEngine"),
    "Workbench": ("robustness.workbench", "Workbench"),
    "shipped_adapters": ("robustness.models.adapters", "shipped"),
}


def __getattr__(name: str) -> object:
    """A public name, imported when it is first used."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _PLACES[name]
    found: object = getattr(importlib.import_module(module), attribute)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The public names beside the module's own."""
    return sorted({*globals(), *__all__})
