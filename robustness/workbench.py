"""The library's interface for scripts, the command line and the server: one engine's predictions.

Each method resolves its arguments and calls the function that does the work; see `prediction/`.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from robustness import paths
from robustness.data.tasks import Task
from robustness.index.observed_index import ObservedIndex
from robustness.models.engine import Engine
from robustness.models.evaluator import Progress, ShouldStop
from robustness.prediction import comparison, ladder, measurement, predictor, query
from robustness.prediction.catalog import Catalog
from robustness.prediction.degradation import Calibration, HeldOut
from robustness.prediction.ladder import Rung
from robustness.prediction.query import Probing, Query
from robustness.types import (
    Comparison,
    EvalRecord,
    Example,
    Instruction,
    Measurement,
    Prediction,
    Prompt,
    Tier,
)

Words = Mapping[str, str]
"""Canonical option -> label word that an instruction asks for."""


class Workbench:
    """Predictions, comparisons and measurements on one engine. Safe to share among threads.

    Without `model`, the original model is used. The methods raise InputError for a text that does
    not fit, NotFoundError for an unknown name, MismatchError and CorruptFileError for an index, and
    EngineError where the engine fails.
    """

    def __init__(
        self, engine: Engine, *, indexes: Path = paths.INDEXES, task_files: bool = False
    ) -> None:
        """Reads nothing yet: see `Catalog`."""
        self.catalog = Catalog(engine, indexes=indexes, task_files=task_files)
        self.engine = engine
        self.original = self.catalog.original
        self.aligned = self.catalog.aligned

    def tasks(self) -> list[Task]:
        """The built-in tasks without their examples: see `Catalog.tasks`."""
        return self.catalog.tasks()

    def task(self, name: str) -> Task:
        """A built-in task, or a task file where those are allowed: see `Catalog.task`."""
        return self.catalog.task(name)

    def index(self, model: str | None = None) -> ObservedIndex:
        """The observed index of a model: see `Catalog.index`."""
        return self.catalog.index(model)

    def calibration(self, model: str | None = None) -> Calibration | None:
        """The calibration of a model's index, where it has one: see `Catalog.calibration`."""
        return self.catalog.calibration(model)

    def held_out(self) -> list[HeldOut]:
        """The accuracy of predictions on held-out instructions: see `Catalog.held_out`."""
        return self.catalog.held_out()

    def instruction(
        self, text: str, task: Task, label_words: Words | None = None
    ) -> Instruction:
        """The instruction of a text for a task: see `query.instruction_for`."""
        return query.instruction_for(self.catalog, text, task, label_words)

    def resolve(
        self, text: str, *, task: str | Task | None = None, inputs: Sequence[Example] = (),
        label_words: Words | None = None,
    ) -> Query:
        """The query of a text, as the functions of `prediction/` take it: see `query.resolve`."""
        return query.resolve(
            self.catalog, text, task=task, inputs=inputs, label_words=label_words
        )

    def predict(
        self, text: str, *, task: str | None = None, inputs: Sequence[Example] | None = None,
        label_words: Words | None = None, model: str | None = None, k: int = 5,
        probe: Probing = 0, labelled: int = 0,
    ) -> Prediction:
        """The predicted degradation under an instruction: see `predictor.predict`."""
        asked = self.resolve(text, task=task, inputs=inputs or (), label_words=label_words)
        return predictor.predict(
            asked, self.catalog, model=model, k=k, probe=probe, labelled=labelled
        )

    def ladder(
        self, text: str, *, task: str, label_words: Words | None = None,
        model: str | None = None, k: int = 5, on_progress: Progress | None = None,
        should_stop: ShouldStop | None = None,
    ) -> Iterator[Rung]:
        """The predictions of each tier of evidence: see `ladder.ladder`."""
        asked = self.resolve(text, task=task, label_words=label_words)
        return ladder.ladder(
            asked, self.catalog, model=model, k=k, on_progress=on_progress,
            should_stop=should_stop,
        )

    def planned(
        self, task: str | None, *, model: str | None = None, probe: Probing = 0, labelled: int = 0
    ) -> int:
        """Number of prompts that the model reads for `predict`, at most: see `ladder.planned`."""
        chosen = None if task is None else self.task(task)
        return ladder.planned(
            self.catalog, chosen, model=model, probe=probe, labelled=labelled
        )

    def plan(self, task: str, *, model: str | None = None) -> dict[Tier, int]:
        """Number of prompts for each tier of evidence: see `ladder.plan`."""
        return ladder.plan(self.catalog, self.task(task), model=model)

    def prompt(
        self, text: str, *, task: str | None, example: Example | None,
        label_words: Words | None = None,
    ) -> Prompt:
        """The exact prompt for an input: see `comparison.prompt`."""
        return comparison.prompt(self._on_one(text, task, example, label_words))

    def compare(
        self, text: str, *, task: str | None = None, example: Example | None = None,
        models: Sequence[str] | None = None, label_words: Words | None = None,
    ) -> Comparison:
        """The answers of several models to the same prompt: see `comparison.compare`."""
        asked = self._on_one(text, task, example, label_words)
        return comparison.compare(asked, self.catalog, models=models)

    def records(
        self, text: str, *, task: str, model: str | None = None,
        label_words: Words | None = None, limit: int | None = None,
        on_progress: Progress | None = None, should_stop: ShouldStop | None = None,
    ) -> list[EvalRecord]:
        """Records of the answers to a task's labelled test inputs: see `measurement.records`."""
        asked = self.resolve(text, task=task, label_words=label_words)
        return measurement.records(
            asked, self.catalog, model=model, limit=limit, on_progress=on_progress,
            should_stop=should_stop,
        )

    def measure(
        self, text: str, *, task: str, model: str | None = None,
        label_words: Words | None = None, limit: int | None = None, coverage: float = 0.95,
        on_progress: Progress | None = None, should_stop: ShouldStop | None = None,
    ) -> Measurement:
        """The measured accuracy and degradation: see `measurement.measure`."""
        asked = self.resolve(text, task=task, label_words=label_words)
        return measurement.measure(
            asked, self.catalog, model=model, limit=limit, coverage=coverage,
            on_progress=on_progress, should_stop=should_stop,
        )

    def _on_one(
        self, text: str, task: str | None, example: Example | None, label_words: Words | None
    ) -> Query:
        inputs = () if example is None else (example,)
        return self.resolve(text, task=task, inputs=inputs, label_words=label_words)
