"""Separates the accuracy loss on unobserved instructions into a loss by wording and one by layout.

The wording of a template is the sentences that ask, with the label words; its layout is everything
else: order and names of the fields, the list of options, the final cue. Unobserved and observed
instructions of a task are crossed (the wording of one in the layout of the other), and the accuracy
under both crosses is compared with that under the observed instructions.
"""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from robustness.data import prompts
from robustness.data.tasks import Task
from robustness.errors import InputError
from robustness.models.engine import Engine
from robustness.models.evaluator import answered
from robustness.paraphrasing import template_parser
from robustness.stats import intervals
from robustness.stats.intervals import Estimate, Scores
from robustness.types import Example, Instruction

LIMIT = 128
PARTNERS = 4
"""Number of observed instructions with which each unobserved one is crossed."""

_ASKS = "\x00"
_LETTER = re.compile(r"\bletters?\b", re.IGNORECASE)
_SAYS_OPTIONS = "options"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Wording and layout of a template."""

    frame: str
    """The layout, with a mark in the place of the wording."""
    wording: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskLosses:
    """Mean accuracy of one task's instructions and their crosses, in points (0 to 100)."""

    task: str
    observed_instructions: int
    unobserved_instructions: int
    """Number of unobserved instructions that could be crossed."""
    left: int
    """Number of those that could not: wording and layout are one sentence, or it asks for a
    letter."""
    observed: float
    unobserved: float
    wording: float
    """Unobserved wordings in observed layouts."""
    layout: float
    """Observed wordings in unobserved layouts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decomposition:
    """Mean losses over tasks in points, positive is worse; intervals by `intervals.gap_mean`."""

    total: Estimate
    """Accuracy under observed minus under unobserved instructions."""
    by_wording: Estimate
    """Accuracy under observed instructions minus under unobserved wordings in observed layouts."""
    by_layout: Estimate
    """Accuracy under observed instructions minus under observed wordings in unobserved layouts.
    The two losses need not add up to the total."""
    tasks: tuple[TaskLosses, ...]


def take_apart(text: str) -> Parts | None:
    """Separates wording and layout of a template; None where they cannot be separated."""
    found = template_parser.outline(text)
    sentences = list(found.sentences)
    if found.core is not None:
        sentences.insert(found.core_at, found.core_text)
    frame = text
    for sentence in sentences:
        if sentence not in frame:
            return None
        frame = frame.replace(sentence, _ASKS, 1)
    wording = " ".join(sentences)
    around = set(prompts.placeholders(frame)) - {_SAYS_OPTIONS}
    asks = set(prompts.placeholders(wording))
    # A field of the input inside the sentence that asks belongs to both.
    if not sentences or not around or asks & {*around, _SAYS_OPTIONS}:
        return None
    # The wording goes to one place, that of its first sentence.
    first = frame.index(_ASKS) + 1
    return Parts(frame=frame[:first] + re.sub(rf"\s*{_ASKS}", "", frame[first:]), wording=wording)


def _by_letter(instruction: Instruction) -> bool:
    return "letter" in instruction.option_format or bool(_LETTER.search(instruction.text))


def cross(wording: Instruction, frame: Instruction) -> Instruction | None:
    """One instruction's wording and label words in another's layout; None where impossible."""
    asks, around = take_apart(wording.text), take_apart(frame.text)
    if asks is None or around is None or _by_letter(wording) or _by_letter(frame):
        return None
    text = around.frame.replace(_ASKS, asks.wording)
    fields = [set(prompts.placeholders(t)) - {_SAYS_OPTIONS} for t in (wording.text, text)]
    if fields[0] != fields[1]:
        return None
    return replace(frame, id="", text=text, label_words=wording.label_words, observed=False)


@dataclass(frozen=True, slots=True)
class _Crossed:
    """Tables of answers of one task, each (instructions, inputs)."""

    row: TaskLosses
    observed: Scores
    unobserved: Scores
    wording: Scores
    layout: Scores


def _crossed(
    engine: Engine,
    model: str,
    task: Task,
    observed: Sequence[Instruction],
    unobserved: Sequence[Instruction],
    examples: Sequence[Example],
    rng: random.Random,
) -> _Crossed | None:
    known = [o for o in observed if cross(o, o) is not None]
    rows: list[tuple[Instruction, npt.NDArray[np.float64], npt.NDArray[np.float64]]] = []
    for asked in unobserved:
        partners = rng.sample(known, len(known))
        both = [(cross(asked, p), cross(p, asked)) for p in partners]
        pairs = [(w, f) for w, f in both if w is not None and f is not None][:PARTNERS]
        if pairs:
            worded = answered(engine, model, [w for w, _ in pairs], examples)
            laid_out = answered(engine, model, [f for _, f in pairs], examples)
            means = [t.mean(axis=0, dtype=np.float64) for t in (worded, laid_out)]
            rows.append((asked, means[0], means[1]))
    if not rows:
        return None
    home = answered(engine, model, known, examples)
    away = answered(engine, model, [asked for asked, _, _ in rows], examples)
    wording, frames = np.stack([w for _, w, _ in rows]), np.stack([f for _, _, f in rows])
    row = TaskLosses(
        task=task.id, observed_instructions=len(known), unobserved_instructions=len(rows),
        left=len(unobserved) - len(rows), observed=100 * float(home.mean()),
        unobserved=100 * float(away.mean()), wording=100 * float(wording.mean()),
        layout=100 * float(frames.mean()),
    )
    return _Crossed(row, home, away, wording, frames)


def decompose(
    engine: Engine,
    model: str,
    tasks: Sequence[Task],
    observed: Sequence[Instruction],
    unobserved: Sequence[Instruction],
    *,
    limit: int | None = LIMIT,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> Decomposition:
    """Crosses unobserved with observed instructions of each task and measures the losses.

    Args:
        engine: Runs the model.
        model: Id of a model that the engine serves.
        tasks: Tasks with labelled test inputs.
        observed: Observed instructions of these tasks.
        unobserved: Unobserved instructions of these tasks.
        limit: Largest number of inputs per task; None: all.
        seed: Seed of the choice of partners and of the bootstrap.
        on_progress: Called with (tasks done, number of tasks).

    Raises:
        InputError: No instruction could be crossed.
        NotFoundError, EngineError: See `Engine.read`.
    """
    rng = random.Random(seed)
    made: list[_Crossed] = []
    for number, task in enumerate(tasks, start=1):
        found = _crossed(
            engine, model, task, [i for i in observed if i.task == task.id],
            [i for i in unobserved if i.task == task.id], task.split("test")[:limit], rng,
        )
        made += [found] if found is not None else []
        if on_progress is not None:
            on_progress(number, len(tasks))
    if not made:
        raise InputError(
            "no unobserved instruction shares a task with an observed one whose wording and "
            "layout can be separated"
        )

    def loss(other: Callable[[_Crossed], Scores]) -> Estimate:
        pairs = [(c.observed, other(c)) for c in made]
        return intervals.gap_mean(pairs, rng=np.random.default_rng(seed)).points

    return Decomposition(
        total=loss(lambda c: c.unobserved), by_wording=loss(lambda c: c.wording),
        by_layout=loss(lambda c: c.layout), tasks=tuple(c.row for c in made),
    )
