"""The settings of an ablation, and the backbone and data that it is about."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from robustness.data import instructions
from robustness.data.tasks import Task
from robustness.errors import InputError
from robustness.models.load_options import PromptFormat
from robustness.storage import files, settings
from robustness.training.alignment.data import Collections
from robustness.training.alignment.recipe import KINDS, METHODS, AlignRecipe
from robustness.types import Example, Instruction, content_id

SETS = (instructions.OBSERVED, instructions.UNOBSERVED_DEVELOPMENT)
HELD_OUT = instructions.UNOBSERVED_TEST
_OWN = ("out", "method", "seed", "steps", "learning_rate")
"""Fields of a run's recipe that the plan sets itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A backbone, and the data that it is aligned and measured on."""

    model: str
    """A folder or hub name."""
    tasks: Sequence[Task]
    """Tasks whose labelled inputs are measured on; those without observed instructions are left
    out."""
    examples: Sequence[Example]
    """Training inputs, none of which are measured on."""
    instructions: Sequence[Instruction]
    """Observed instructions, paraphrases, unobserved-development and, where it is evaluated,
    unobserved-test, identified by their collection."""
    prompt_format: str = PromptFormat.NONE

    def of(self, collection: str) -> list[Instruction]:
        """The instructions of one collection."""
        return [i for i in self.instructions if i.collection == collection]

    def collections(self) -> Collections:
        """The collections for training, without unobserved-test."""
        return Collections(
            observed=self.of(instructions.OBSERVED),
            paraphrases=self.of(instructions.PARAPHRASES),
            development=self.of(instructions.UNOBSERVED_DEVELOPMENT),
        )


def sizes_of(given: Sequence[str]) -> tuple[tuple[str, Any], ...]:
    """Parses `Ablation.sizes` from texts `key=value`.

    Raises:
        InputError: A key is not a field of `AlignRecipe` or is set by the plan, or a value does not
            have the field's type.
    """
    return tuple(settings.values(AlignRecipe, given, fixed=_OWN).items())


def rates_of(given: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """Parses `Ablation.rates` from texts `method=value`.

    Raises:
        InputError: A value is not a number.
    """
    made = []
    for text in given:
        method, _, value = text.partition("=")
        try:
            made.append((method, float(value)))
        except ValueError:
            raise InputError(f"a rate is METHOD=VALUE, such as pt=3e-3; found {text!r}") from None
    return tuple(made)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ablation:
    """The settings of an ablation."""

    out: Path
    """Folder of the summary, with a sub-folder for each run."""
    methods: Sequence[str] = METHODS
    seeds: Sequence[int] = (1, 2, 3)
    steps: int = 1000
    """Largest number of updates of each run."""
    inputs: int = 64
    """Largest number of labelled inputs per task that are measured on."""
    free: int = 0
    """Number of these inputs for which answers are also generated."""
    held_out: bool = False
    """Whether unobserved-test is evaluated, which is recorded in the folder."""
    keep_weights: bool = False
    """Whether the weights of `ft` and `ft+kl` are kept; adapters always are."""
    rates: Sequence[tuple[str, float]] = ()
    """(method without +kl, peak learning rate), where it differs from the default."""
    sizes: Sequence[tuple[str, Any]] = ()
    """Other fields of `AlignRecipe`, e.g. `virtual_tokens`, for every run."""

    def __post_init__(self) -> None:
        if not self.methods or not self.seeds:
            raise InputError("an ablation needs a method and a seed at least")
        for name in self.methods:
            if name not in METHODS:
                raise InputError(f"method {name!r} is unknown; choose {', '.join(METHODS)}")
        if self.inputs < 1:
            raise InputError(f"inputs is {self.inputs}; it is at least 1")
        if self.free < 0:
            raise InputError(f"free is {self.free}; it is at least 0")
        for name, _ in self.rates:
            if name not in KINDS:
                raise InputError(f"a rate is for {', '.join(KINDS)}; found {name!r}")

    def recipe(self, method: str, seed: int) -> AlignRecipe:
        """The alignment settings of one run."""
        base = AlignRecipe(
            out=self.out / f"{method.replace('+', '-')}-{seed}", method=method, seed=seed,
            steps=self.steps,
            learning_rate=dict(self.rates).get(method.removesuffix("+kl")),
        )
        return replace(base, **dict[str, Any](self.sizes))

    def identity(self, subject: Subject, revision: str) -> dict[str, Any]:
        """What all runs in a folder must have in common, as a JSON document."""
        return {
            "revision": revision, "steps": self.steps,
            "inputs": self.inputs, "free": self.free, "rates": files.plain(dict(self.rates)),
            "sizes": files.plain(dict(self.sizes)), "prompt_format": str(subject.prompt_format),
            "data": content_id(
                [e.id for e in subject.examples],
                [[e.id for e in task.labelled[: self.inputs]] for task in subject.tasks],
                [i.id for i in subject.instructions if i.collection != HELD_OUT],
            ),
        }
