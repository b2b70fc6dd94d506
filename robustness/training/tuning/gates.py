"""Measures a tuned model against the gates that were set for it before its training.

A gate that is missed is reported as missed, with how far. Does not measure what every backbone's
card has; see `robustness.training.backbone`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from robustness.data import instructions
from robustness.data.tasks import Task, builtin
from robustness.errors import InputError
from robustness.evaluation.perturbations.kinds import Kind, Material, alter
from robustness.models import evaluator
from robustness.models.engine import Engine
from robustness.models.evaluator import answered
from robustness.stats import intervals
from robustness.stats.intervals import BoolArray, Estimate
from robustness.training.backbone import data
from robustness.training.backbone.figures import interval
from robustness.training.backbone.targets import Target
from robustness.types import GenerationSettings

Card = Mapping[str, Any]

NEAR, NEAR_TASKS = 5.0, 5
"""Distance from the baseline in points, and how many real-text tasks must be within it."""
GENERATED = 95.0
"""Least accuracy of the generated tasks under observed instructions, in points."""
READ = 25.0
"""Points that an altered instruction must lose on tasks that share their inputs."""
LOSS = (3.0, 15.0)
"""Range of the wanted loss under unobserved wordings, in points."""
UNSEEN = 2
"""Tasks that were never trained on and must be above chance."""
PARSED = {
    instructions.OBSERVED: 95.0,
    instructions.UNOBSERVED_DEVELOPMENT: 85.0,
    instructions.UNOBSERVED_TEST: 85.0,
}
"""Set of instructions -> least share of free answers that name an option, in points."""
KEPT = 0.5
"""Points of accuracy under observed instructions that an alignment may cost."""
ALTERED = (Kind.NONSENSICAL, Kind.EMPTY, Kind.INCORRECT, Kind.NEGATED)
QUESTIONS: Mapping[str, str | None] = {
    "What is the capital of France?": "Paris",
    "Name three fruits.": None,
    "Write one sentence about the sea.": None,
    "How many days has a week?": "7|seven",
    "Say hello to a new colleague.": None,
    "What is the opposite of cold?": "hot|heat|warm|warmth",
    "Why do people sleep?": None,
    "Translate 'good morning' into French.": "bonjour",
    "What can I cook with eggs and rice?": None,
    "Who wrote Hamlet?": "Shakespeare",
}
"""Chat question of the card -> words of which a right answer has one; None where no word tells."""
CHAT = 4
"""Least right answers to the chat questions whose answer is known: as many as
SmolLM2-135M-Instruct gives before it is tuned."""
_ANSWER = GenerationSettings(max_tokens=48)
_DEVELOPMENT, _TEST = instructions.UNOBSERVED_DEVELOPMENT, instructions.UNOBSERVED_TEST


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTask:
    """Accuracy of one task under its observed instructions and their alterations, in points."""

    task: str
    beside: tuple[str, ...]
    """The tasks with the same inputs, whose instructions are the other tasks'."""
    instructions: int
    inputs: int
    accuracy: Mapping[str, float]
    """Kind of alteration -> accuracy; `given` is not altered."""
    chance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLoss:
    """Accuracy lost by altering the instruction, on tasks that share their inputs."""

    lost: Mapping[str, Estimate]
    """Kind of alteration -> points lost, mean over tasks, with its 95% interval."""
    tasks: tuple[ReadTask, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """A chat question and the reply as it came."""

    question: str
    reply: str


def sharing(tasks: Sequence[Task]) -> dict[str, tuple[Task, ...]]:
    """Task -> the other tasks that have its test inputs, so that only the instruction differs."""
    texts = {t.id: {tuple(sorted(e.fields.items())) for e in t.split("test")} for t in tasks}
    found = {
        t.id: tuple(o for o in tasks if o.id != t.id and texts[o.id] & texts[t.id]) for t in tasks
    }
    return {name: others for name, others in found.items() if others}


def read_loss(
    engine: Engine,
    model: str,
    tasks: Sequence[Task],
    *,
    limit: int,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> ReadLoss:
    """Measures whether the instruction decides the answer, on tasks that share their inputs.

    Args:
        engine: Runs the model.
        model: Id of a model that the engine serves.
        tasks: Built-in tasks with observed instructions and test inputs.
        limit: Largest number of inputs a task.
        seed: Seed of the alterations and of the bootstrap.
        on_progress: Called with (tasks done, number of tasks).

    Raises:
        InputError: No two tasks share their inputs.
        NotFoundError, EngineError: See `Engine.read`.
    """
    known = instructions.builtin(instructions.OBSERVED)
    shared = sharing(tasks)
    if not shared:
        raise InputError("no two tasks share their inputs, so nothing shows what is read")
    rows: list[ReadTask] = []
    tables: list[dict[Kind, BoolArray]] = []
    for number, (name, others) in enumerate(shared.items(), start=1):
        task, ids = builtin(name), {o.id for o in others}
        own = [i for i in known if i.task == name]
        material = Material(
            task=task, observed=[i for i in known if i.task in ids | {name}], collected=(),
            closest=None,
        )
        examples = task.split("test")[:limit]
        made = {
            kind: answered(
                engine, model, [alter(kind, i, material, seed=seed) for i in own], examples
            )
            for kind in (Kind.GIVEN, *ALTERED)
        }
        tables.append(made)
        rows.append(
            ReadTask(
                task=name, beside=tuple(sorted(ids)), instructions=len(own), inputs=len(examples),
                accuracy={str(k): 100 * float(v.mean()) for k, v in made.items()},
                chance=100 * float(np.mean([1 / len(e.options) for e in examples])),
            )
        )
        if on_progress is not None:
            on_progress(number, len(shared))
    lost = {
        str(kind): intervals.paired_bootstrap_mean(
            [(t[Kind.GIVEN], t[kind]) for t in tables], rng=np.random.default_rng(seed)
        ).points
        for kind in ALTERED
    }
    return ReadLoss(lost=lost, tasks=tuple(rows))


def talk(
    engine: Engine, model: str, on_progress: Callable[[int, int], None] | None = None
) -> list[Talk]:
    """The replies to the chat questions, greedy, as they came.

    Raises:
        InputError, NotFoundError, EngineError: See `Engine.stream`.
    """
    made = []
    for number, question in enumerate(QUESTIONS, start=1):
        reply = evaluator.generate(engine, model, question, _ANSWER)
        made.append(Talk(question=question, reply=reply))
        if on_progress is not None:
            on_progress(number, len(QUESTIONS))
    return made


def _real(card: Card) -> Target:
    rows = [r for r in card["real_text"] if r["split"] == "test"]
    near = [r for r in rows if r["difference"] >= -NEAR]
    wanted = (
        f"real text within {NEAR:.0f} points of TF-IDF + logistic regression on the corpora's test "
        f"splits, on at least {NEAR_TASKS} tasks"
    )
    if not rows:
        return Target(wanted=wanted, reached="", met=None)
    told = ", ".join(
        f"{r['task']} {interval(r, value='difference', sign=True)}"
        for r in sorted(rows, key=lambda r: float(r["difference"]))
    )
    return Target(
        wanted=wanted, reached=f"{len(near)} of {len(rows)}: {told}", met=len(near) >= NEAR_TASKS
    )


def _generated(card: Card) -> Target:
    found = {
        c["task"]: c for c in card["cells"]
        if c["collection"] == instructions.OBSERVED and c["task"] not in data.UNSEEN_TASKS
        and builtin(c["task"]).source.startswith("generated")
    }
    wanted = f"generated tasks under observed instructions: at least {GENERATED:.0f}, each"
    if not found:
        return Target(wanted=wanted, reached="", met=None)
    low = min(found.values(), key=lambda c: float(c["accuracy"]))
    return Target(
        wanted=wanted,
        reached=f"{len(found)} tasks, the lowest {interval(low, value='accuracy')} ({low['task']})"
        + _short(GENERATED, low["accuracy"]),
        met=low["accuracy"] >= GENERATED,
    )


def _short(wanted: float, reached: float, *, decimals: int = 1) -> str:
    """By how much a number misses its bound; empty where it does not."""
    return "" if reached >= wanted else f", {wanted - reached:.{decimals}f} short"


def _read(card: Card, kind: Kind, words: str) -> Target:
    wanted = f"{words}: at least {READ:.0f} points below the given, on tasks that share inputs"
    if card["reading"] is None:
        return Target(wanted=wanted, reached="", met=None)
    found = card["reading"]["lost"][str(kind)]
    return Target(
        wanted=wanted, reached=interval(found) + _short(READ, found["value"]),
        met=found["value"] >= READ,
    )


def _wording(card: Card) -> Target:
    found = card["decomposition"]
    wanted = (
        f"unobserved wordings lose {LOSS[0]:.0f} to {LOSS[1]:.0f} points, most of it by wording"
    )
    if found is None:
        return Target(wanted=wanted, reached="", met=None)
    total, wording, layout = found["total"], found["by_wording"], found["by_layout"]
    beside = max(LOSS[0] - total["value"], total["value"] - LOSS[1])
    return Target(
        wanted=wanted,
        reached=f"{interval(total)}, wording {interval(wording)}, layout {interval(layout)}"
        + (f", {beside:.1f} outside" if beside > 0 else ""),
        met=beside <= 0 and wording["value"] > max(total["value"] / 2, layout["value"]),
    )


def _unseen(card: Card) -> Target:
    rows = [u for u in card["unseen"] or () if u["collection"] == _DEVELOPMENT]
    above = [u for u in rows if u["low"] > u["chance"]]
    told = ", ".join(
        f"{u['task']} {interval(u, value='accuracy')} (chance {u['chance']:.1f})" for u in rows
    )
    return Target(
        wanted=f"tasks never trained on above chance, at least {UNSEEN}",
        reached=f"{len(above)} of {len(rows)}: {told}" if rows else "",
        met=len(above) >= UNSEEN if rows else None,
    )


def _free(card: Card, collection: str) -> Target:
    least = PARSED[collection]
    wanted = f"free answers that name an option, {collection}: at least {least:.0f}%"
    row = next(
        (f for f in card["free"] or () if (f["task_type"], f["collection"]) == ("all", collection)),
        None,
    )
    if row is None:
        return Target(wanted=wanted, reached="", met=None)
    parsed = 100.0 - row["unparsed"]
    found = intervals.wilson(round(parsed / 100 * row["answers"]), row["answers"]).points
    shown = {"value": found.value, "low": found.low, "high": found.high}
    return Target(
        wanted=wanted, reached=interval(shown) + _short(least, found.value),
        met=found.value >= least,
    )


def right(talk: Card) -> bool | None:
    """Whether a reply to a chat question has a word of the right answer; None if none is known."""
    words = QUESTIONS.get(talk["question"])
    if words is None:
        return None
    return re.search(rf"\b({words})\b", talk["reply"], re.IGNORECASE) is not None


def _talked(card: Card) -> Target:
    known = [r for t in card["chat"] or () if (r := right(t)) is not None]
    wanted = (
        f"{len(QUESTIONS)} chat questions keep sensible answers (below, as they came): at least "
        f"{CHAT} right where the answer is known"
    )
    if not known:
        return Target(wanted=wanted, reached="", met=None)
    hits = sum(known)
    return Target(
        wanted=wanted, reached=f"{hits} of {len(known)}" + _short(CHAT, hits, decimals=0),
        met=hits >= CHAT,
    )


def _aligned(card: Card) -> Target:
    wanted = (
        "an aligned form that gains on unobserved-test, its interval above zero, and costs "
        f"observed ones at most {KEPT}"
    )
    found = card["ablation"]
    methods = [] if found is None or found["weights"] != card["weights"] else found["methods"]
    methods = [m for m in methods if _TEST in m["sets"]]
    if not methods:
        return Target(wanted=wanted, reached="", met=None)

    def holds(method: Card) -> bool:
        gain = method["sets"][_TEST]["difference"]
        cost = method["sets"][instructions.OBSERVED]["difference"]
        return bool(gain["low"] > 0 and cost["value"] >= -KEPT)

    told = "; ".join(
        f"{m['method']} {interval(m['sets'][_TEST]['difference'], sign=True)} on test, "
        f"{interval(m['sets'][instructions.OBSERVED]['difference'], sign=True)} on observed"
        for m in methods
    )
    return Target(wanted=wanted, reached=told, met=any(map(holds, methods)))


def gates(card: Card) -> Sequence[Target]:
    """All gates with their results.

    Args:
        card: The document of `tuning.card.describe`, as read from its file.
    """
    return [
        _real(card), _generated(card), _read(card, Kind.NONSENSICAL, "nonsense"),
        _read(card, Kind.EMPTY, "no instruction"),
        _read(card, Kind.INCORRECT, "another task's instruction"),
        _read(card, Kind.NEGATED, "the negated instruction"), _wording(card), _unseen(card),
        *(_free(card, collection) for collection in PARSED), _talked(card), _aligned(card),
    ]
