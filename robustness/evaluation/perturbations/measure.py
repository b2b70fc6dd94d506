"""Measures accuracy under every alteration of an instruction, and instruction reliance.

Accuracies and differences are in points (0 to 100); a positive degradation is worse. Does not make
the alterations; see `kinds`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from robustness.data import instructions
from robustness.errors import InputError, NotFoundError
from robustness.evaluation.defaults import INPUTS as LIMIT
from robustness.evaluation.perturbations import kinds
from robustness.evaluation.perturbations.kinds import PAPERS, Kind, Material
from robustness.models import evaluator
from robustness.models.evaluator import Progress, ShouldStop
from robustness.stats import intervals
from robustness.stats.intervals import BoolArray, Estimate
from robustness.types import Example, Instruction
from robustness.workbench import Workbench


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """Accuracy under one alteration, compared with the given instruction."""

    kind: Kind
    paper: str
    """Paper that describes the alteration: `S1`, `S2`, or empty for the instruction itself."""
    text: str
    instruction_id: str
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    """Wilson interval, 95%."""
    degradation: float
    """Accuracy under the given instruction minus accuracy under this one."""
    low: float
    high: float
    """Paired bootstrap interval over inputs, 95%. It has no width where both are right on exactly
    the same inputs; a small difference is possible even then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliance:
    """Instruction reliance [S2]: how much accuracy depends on the instruction, in points.

    Differences with 95% intervals; values near zero mean that the model hardly uses it.
    """

    over_simplified: Estimate
    """Accuracy under the correct minus under the simplified instruction."""
    over_negated: Estimate
    """Accuracy under the correct minus under the negated instruction."""
    over_random_guess: Estimate
    """Accuracy under the correct instruction minus a random guess, with the Wilson interval of the
    accuracy; the guess is exact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """The results of the perturbation suite for one instruction, task and model."""

    task: str
    model: str
    n: int
    """Number of labelled inputs, the same for every alteration."""
    seed: int
    random_guess: float
    """Expected accuracy of a uniform guess among each input's options."""
    reliance: Reliance
    rows: tuple[Probed, ...]
    absent: Mapping[Kind, str]
    """Alteration that could not be made -> why."""


def random_guess(examples: Sequence[Example]) -> float:
    """Expected accuracy of a uniform guess among each input's options, in [0, 1], as in [S2].

    Raises:
        InputError: There are no inputs.
    """
    if not examples:
        raise InputError("the random guess on no inputs is undefined; give labelled inputs")
    return float(np.mean([1.0 / len(e.options) for e in examples]))


def _closest(
    workbench: Workbench, text: str, task: str, model: str, label_words: Mapping[str, str] | None
) -> Instruction | None:
    """The nearest observed instruction other than the given one.

    None where the model has no index or no observed instruction fits the task's inputs.
    """
    try:
        index = workbench.index(model)
        made = workbench.predict(text, task=task, model=model, k=2, label_words=label_words)
    except (InputError, NotFoundError):
        return None
    known = [index.instructions[n.instruction_id] for n in made.nearest]
    return next((i for i in known if i.text.strip() != text.strip()), None)


def _difference(first: BoolArray, second: BoolArray, seed: int) -> Estimate:
    return intervals.paired_bootstrap(
        first[None, :], second[None, :], rng=np.random.default_rng(seed)
    )


def _reliance(correct: Mapping[Kind, BoolArray], guess: float, seed: int) -> Reliance:
    own = correct[Kind.GIVEN]
    wilson = intervals.wilson(int(own.sum()), len(own))
    above = Estimate(
        value=wilson.value - guess, low=wilson.low - guess, high=wilson.high - guess
    )
    return Reliance(
        over_simplified=_difference(own, correct[Kind.SIMPLIFIED], seed).points,
        over_negated=_difference(own, correct[Kind.NEGATED], seed).points,
        over_random_guess=above.points,
    )


def probe(
    workbench: Workbench,
    text: str,
    *,
    task: str,
    model: str | None = None,
    label_words: Mapping[str, str] | None = None,
    limit: int | None = LIMIT,
    seed: int = 0,
    on_progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> Probes:
    """Measures all alterations of an instruction on a task's labelled inputs.

    Args:
        workbench: The engine, its index and tasks.
        text: The correct instruction: a template, or a text without placeholders.
        task: A built-in task, or a task file where those are allowed.
        model: Id of a model that the engine serves; by default the original.
        label_words: Canonical option -> the word that the text asks for.
        limit: Largest number of labelled inputs; None: all.
        seed: Seed of the alterations and of the bootstrap.
        on_progress: Called with (prompts done, number of prompts).
        should_stop: Called between chunks of prompts; True cancels.

    Raises:
        InputError: The text is empty or does not fit the task, or the task has no labelled inputs.
        NotFoundError, EngineError, CancelledError: See `evaluator.read_cells`.
        MismatchError, CorruptFileError: See `Workbench.index`.
    """
    model = model or workbench.original
    chosen = workbench.task(task)
    examples = chosen.labelled[:limit]
    if not examples:
        raise InputError(f"the task {chosen.id} has no labelled inputs to measure on")
    given = workbench.instruction(text, chosen, label_words)
    made_of = Material(
        task=chosen, observed=instructions.builtin(instructions.OBSERVED),
        collected=instructions.builtin(instructions.UNOBSERVED_DEVELOPMENT),
        closest=_closest(workbench, text, task, model, label_words),
    )
    suite = kinds.make(given, made_of, seed=seed)
    records = evaluator.evaluate(
        workbench.engine, model, [a.instruction for a in suite.alterations], examples,
        on_progress=on_progress, should_stop=should_stop,
    )
    cells = evaluator.correctness(records).reshape(len(suite.alterations), len(examples))
    correct = {a.kind: row for a, row in zip(suite.alterations, cells, strict=True)}
    guess = random_guess(examples)
    rows = []
    for alteration in suite.alterations:
        own = correct[alteration.kind]
        accuracy = intervals.wilson(int(own.sum()), len(own))
        loss = _difference(correct[Kind.GIVEN], own, seed).points
        rows.append(
            Probed(
                kind=alteration.kind, paper=PAPERS[alteration.kind],
                text=alteration.instruction.text, instruction_id=alteration.instruction.id,
                accuracy=accuracy.value * 100, accuracy_low=accuracy.low * 100,
                accuracy_high=accuracy.high * 100, degradation=loss.value, low=loss.low,
                high=loss.high,
            )
        )
    return Probes(
        task=chosen.id, model=model, n=len(examples), seed=seed, random_guess=guess * 100,
        reliance=_reliance(correct, guess, seed), rows=tuple(rows), absent=suite.absent,
    )
