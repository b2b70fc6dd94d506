"""Everything that is shown of one wording: its prediction, both models' answers, its measurement.

The page and its evidence files get these values from here, so that they cannot differ.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from robustness.data import prompts
from robustness.data.tasks import Task
from robustness.errors import InputError
from robustness.evaluation.perturbations.measure import random_guess
from robustness.models.evaluator import Progress, ShouldStop
from robustness.paraphrasing import surface
from robustness.prediction import comparison, ladder, measurement, predictor, wording_map
from robustness.prediction.ladder import Rung
from robustness.prediction.predictor import Predictor
from robustness.prediction.query import Query
from robustness.prediction.wording_map import WordingMap
from robustness.types import Comparison, Example, Instruction, Measurement, Prediction, Prompt
from robustness.workbench import Workbench

QUESTIONS = 16
"""Questions of a task on which both models are compared."""
COVERAGE = 0.9
"""Nominal coverage of all intervals that are shown, predicted and measured."""


SEED = 0
"""Seed of the surface rules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A wording with what it is asked about."""

    instruction: str
    task: str | None = None
    inputs: tuple[Example, ...] = ()
    """The user's own question, where there is no task."""
    model: str | None = None
    """None: the original."""
    aligned: str | None = None
    """The model beside it; None: the first aligned one."""

    def query(self, workbench: Workbench) -> Query:
        """The query. An own question without options cannot be scored: its task is inferred.

        Raises:
            InputError, NotFoundError: See `query.resolve`.
        """
        scored = [e for e in self.inputs if len(e.options) > 1]
        for example in scored:
            prompts.check_options(example.options)
        return workbench.resolve(self.instruction, task=self.task, inputs=scored)

    def models(self, workbench: Workbench) -> tuple[str, ...]:
        """Ids of the one or two models that are compared."""
        first = self.model or workbench.original
        second = self.aligned or next(iter(workbench.aligned), None)
        return (first,) if second in (None, first) else (first, str(second))


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The prediction of one wording and what it is compared with. Accuracies are in points."""

    prediction: Prediction
    usual: float | None
    """Mean accuracy of the task's observed instructions; None where unmeasured."""
    chance: float | None
    """Expected accuracy of a random guess; None without labelled inputs."""
    map: WordingMap | None
    prompt: Prompt
    """The exact prompt for the first question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answers of all models to one question."""

    example: Example
    comparison: Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The answers of all models to some questions."""

    models: tuple[str, ...]
    questions: tuple[Answer, ...]


def look(workbench: Workbench, asked: Asked, *, probe: int = 0, labelled: int = 0) -> Look:
    """Predicts a wording.

    Args:
        workbench: The engine, its indexes and tasks.
        asked: The wording.
        probe: As in `predictor.predict`.
        labelled: As in `predictor.predict`.

    Raises:
        As `predictor.predict` and `comparison.prompt`.
    """
    query = asked.query(workbench)
    made = wording_map.predict(
        query, workbench.catalog, model=asked.model, probe=probe, labelled=labelled
    )
    filled = query
    if asked.inputs and not query.inputs:
        filled = workbench.resolve(asked.instruction, inputs=asked.inputs)
    return Look(
        prediction=made.prediction, usual=made.observed_accuracy, chance=_chance(query.task),
        map=made.place, prompt=comparison.prompt(filled),
    )


def first(workbench: Workbench, asked: Asked) -> Look | None:
    """Predicts a wording of a task from its text alone, which takes one prompt without inputs.

    This is the calibrated prediction of a text whose task is inferred. It stands for the given
    task only where the inferred one is the same.

    Args:
        workbench: The engine, its indexes and tasks.
        asked: The wording.

    Returns:
        None where no number can be had this way, or where the instruction was measured.

    Raises:
        As `predictor.predict` and `comparison.prompt`.
    """
    query = asked.query(workbench)
    if query.task is None:
        return None
    part = workbench.catalog.index(asked.model).tasks.get(query.task.id)
    if part is None or not part.own or query.instruction.id in part.space.rows:
        return None
    alone = replace(query, task=None, inputs=())
    made = predictor.predict(alone, workbench.catalog, model=asked.model)
    if made.task != query.task.id or made.degradation is None:
        return None
    mean = part.mean_accuracy
    return Look(
        prediction=made, usual=None if mean is None else mean * 100.0, chance=_chance(query.task),
        map=None, prompt=comparison.prompt(query),
    )


def _chance(task: Task | None) -> float | None:
    if task is None or not task.labelled:
        return None
    return 100.0 * random_guess(task.labelled)


def perturbed(workbench: Workbench, asked: Asked, rule: str) -> Instruction | None:
    """The wording as a surface rule changes it; None where the rule changes nothing.

    Args:
        workbench: The tasks.
        asked: The wording.
        rule: Name of a rule.

    Raises:
        InputError: There is no such rule.
        NotFoundError: There is no such task.
    """
    query = asked.query(workbench)
    (chosen,) = surface.chosen([rule])[:1]
    options = query.task.options if query.task is not None else _options(query.inputs)
    return surface.perturb(query.instruction, chosen, seed=SEED, options=options)


def _options(inputs: Sequence[Example]) -> tuple[str, ...]:
    return inputs[0].options if inputs else ()


def answers(workbench: Workbench, asked: Asked, *, count: int = QUESTIONS) -> Answers:
    """Both models' answers to the first labelled questions of the task, or to the user's own.

    Raises:
        InputError: There is no question with two options.
        NotFoundError, EngineError: See `Engine.read`.
    """
    query = asked.query(workbench)
    examples: Sequence[Example] = query.inputs
    if query.task is not None:
        examples = query.task.labelled[:count]
    if not examples:
        raise InputError("give a task, or a question with two options or more, to compare answers")
    models = asked.models(workbench)
    made = comparison.compare_each(query, workbench.catalog, examples, models=models)
    return Answers(
        models=models,
        questions=tuple(
            Answer(example=e, comparison=c) for e, c in zip(examples, made, strict=True)
        ),
    )


def rungs(workbench: Workbench, asked: Asked) -> Iterator[Rung]:
    """Yields the prediction from each tier of evidence, weakest first.

    Raises:
        InputError: There is no task.
        Further errors: See `ladder.predicted`.
    """
    query, model = asked.query(workbench), asked.models(workbench)[0]
    if query.task is None:
        raise InputError("only a task has answers to measure against; choose a task")
    index = workbench.index(model)
    if query.task.id in index.tasks:
        predictor = Predictor(workbench.catalog, model)
        yield from ladder.predicted(predictor, index, query, query.task)


def measure(
    workbench: Workbench, asked: Asked, *, on_progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> Iterator[Measurement]:
    """Yields the measurement of a wording on each model.

    Args:
        workbench: The engine, its indexes and tasks.
        asked: A wording for a task.
        on_progress: Called with (done, total) questions of the current measurement.
        should_stop: Called between chunks; True cancels.

    Raises:
        As `measurement.measure`.
    """
    query = asked.query(workbench)
    for model in asked.models(workbench):
        yield measurement.measure(
            query, workbench.catalog, model=model, coverage=COVERAGE, on_progress=on_progress,
            should_stop=should_stop,
        )
