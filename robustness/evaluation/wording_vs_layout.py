"""What a loss on unobserved instructions is made of: new wording in a known layout, or the reverse.

Refuses to know where instructions come from. Wording is what asks, with its label words; layout is
all else: the order and names of fields, how options are listed, the closing cue.
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
"""Observed instructions that an unobserved one is crossed with."""

_ASKS = "\x00"
_LETTER = re.compile(r"\bletters?\b", re.IGNORECASE)
_SAYS_OPTIONS = "options"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A template taken apart."""

    frame: str
    """The layout, with a mark where the wording stood."""
    wording: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskLosses:
    """Mean accuracy of one task's instructions and of their crosses, in points (0 to 100)."""

    task: str
    observed_instructions: int
    unobserved_instructions: int
    """Those that could be crossed."""
    left: int
    """Unobserved ones that could not: wording and layout are one sentence, or letters are asked."""
    observed: float
    unobserved: float
    wording: float
    """Unobserved wording in observed layouts."""
    layout: float
    """Observed wordings in the unobserved layout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decomposition:
    """Mean over tasks, in points; positive is a loss. Intervals: see `intervals.gap_mean`."""

    total: Estimate
    """Observed minus unobserved."""
    by_wording: Estimate
    """Observed minus unobserved wording in observed layouts."""
    by_layout: Estimate
    """Observed minus observed wordings in unobserved layouts. The two need not add up."""
    tasks: tuple[TaskLosses, ...]


def take_apart(text: str) -> Parts | None:
    """Wording and layout of a template, or None where they cannot be told apart."""
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
    # An input inside the sentence that asks belongs to both.
    if not sentences or not around or asks & {*around, _SAYS_OPTIONS}:
        return None
    # One place for the wording: where its first sentence stood.
    first = frame.index(_ASKS) + 1
    return Parts(frame=frame[:first] + re.sub(rf"\s*{_ASKS}", "", frame[first:]), wording=wording)


def _by_letter(instruction: Instruction) -> bool:
    return "letter" in instruction.option_format or bool(_LETTER.search(instruction.text))


def cross(wording: Instruction, frame: Instruction) -> Instruction | None:
    """One instruction's wording and label words in another's layout; None where they do not fit."""
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
    """Scores of one task."""

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
    """Crosses unobserved instructions with observed ones of their task and measures all four.

    Args:
        engine: Where the model runs.
        model: A served model id.
        tasks: Their labelled test inputs are read.
        observed: Of these tasks.
        unobserved: Of these tasks.
        limit: Inputs a task at the most; None: all.
        seed: Of the choice of partners and of the intervals.
        on_progress: Called with (done, total) tasks.

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
            "layout can be told apart"
        )

    def loss(other: Callable[[_Crossed], Scores]) -> Estimate:
        pairs = [(c.observed, other(c)) for c in made]
        return intervals.gap_mean(pairs, rng=np.random.default_rng(seed)).points

    return Decomposition(
        total=loss(lambda c: c.unobserved), by_wording=loss(lambda c: c.wording),
        by_layout=loss(lambda c: c.layout), tasks=tuple(c.row for c in made),
    )
