"""What to do about an instruction at risk: rewordings with their predictions, and what moved it.

Refuses to invent a prediction: every rewording is asked as any instruction is.
"""

import re
from dataclasses import dataclass

from robustness.data import prompts
from robustness.errors import InputError, RobustnessError
from robustness.paraphrasing.llm_paraphraser import LlmParaphraser
from robustness.paraphrasing.rule_based import paraphrase
from robustness.types import Instruction, Prediction
from robustness.workbench import Workbench

SUGGESTIONS = 5
_PARAPHRASES = 6
_LONGEST = 4
"""Words of a phrase at the most."""
_TOKEN = re.compile(rf"{prompts.PLACEHOLDER}|[^\s{{}}]+")
_STOP = re.compile(r"[.,;:!?]$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewording:
    """Another way to ask the same, and what it is predicted to cost."""

    text: str
    source: str
    """`observed`, `paraphrase`, or the name of the model that wrote it."""
    prediction: Prediction


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """A phrase of an instruction and how far it moves it."""

    start: int
    end: int
    """Characters [start, end) of the instruction."""
    text: str
    moved: float
    """Distance to the nearest observed instruction with the phrase minus without it (L2):
    positive: the phrase leads away."""


def _loss(row: Rewording) -> tuple[bool, float]:
    value = row.prediction.degradation
    return (value is None, 0.0 if value is None else value)


def rewordings(
    workbench: Workbench,
    text: str,
    *,
    task: str,
    model: str | None = None,
    paraphraser: LlmParaphraser | None = None,
    count: int = SUGGESTIONS,
    seed: int = 0,
) -> list[Rewording]:
    """Up to `count` rewordings, least predicted loss first.

    Args:
        workbench: What predicts.
        text: The person's instruction.
        task: A task with observed instructions of its own.
        model: A served model id; by default the original.
        paraphraser: A served model that rewords too.
        count: How many.
        seed: Of the automatic paraphrases.

    Raises:
        InputError: The text is empty or does not fit the task.
        NotFoundError, MismatchError, CorruptFileError: As `Workbench.predict`.
        EngineError: As there, or the served paraphraser does not answer.
    """
    own = workbench.predict(text, task=task, model=model, k=count)
    options = workbench.task(task).options
    given = workbench.instruction(text, workbench.task(task))
    candidates = [(n.text, "observed") for n in own.nearest]
    candidates += [(p.text, "paraphrase") for p in _paraphrases(given, seed)]
    if paraphraser is not None:
        candidates += [(t, paraphraser.model) for t in paraphraser.reword(given, options=options)]
    seen = {" ".join(text.split())}
    rows = []
    for wording, source in candidates:
        if " ".join(wording.split()) in seen:
            continue
        seen.add(" ".join(wording.split()))
        try:
            made = workbench.predict(wording, task=task, model=model)
        except RobustnessError:
            if source in ("observed", "paraphrase"):
                raise
            continue  # a model's rewording may lack a placeholder; it is no suggestion then
        rows.append(Rewording(text=wording, source=source, prediction=made))
    return sorted(rows, key=_loss)[:count]


def _paraphrases(given: Instruction, seed: int) -> list[Instruction]:
    try:
        return paraphrase([given], seed, per_instruction=_PARAPHRASES)
    except InputError:
        return []


def phrases(text: str) -> list[tuple[int, int]]:
    """(start, end) of the phrases of an instruction: clauses, in pieces of a few words.

    Placeholders belong to no phrase: without them the input would be lost.
    """
    spans: list[tuple[int, int]] = []
    current: list[tuple[int, int]] = []

    def close() -> None:
        if current:
            spans.append((current[0][0], current[-1][1]))
            current.clear()

    for match in _TOKEN.finditer(text):
        if match[0].startswith("{") or (current and "\n" in text[current[-1][1] : match.start()]):
            close()
        if match[0].startswith("{"):
            continue
        current.append(match.span())
        if _STOP.search(match[0]) or len(current) == _LONGEST:
            close()
    close()
    return spans


def moved(
    workbench: Workbench, text: str, *, task: str, model: str | None = None
) -> list[Phrase]:
    """How far each phrase moves an instruction, in their order; none for a single phrase.

    Raises:
        As `rewordings`.
    """
    spans = phrases(text)
    if len(spans) < 2:
        return []
    whole = workbench.predict(text, task=task, model=model, k=1).nearest[0].distance
    found = []
    for start, end in spans:
        rest = text[:start].rstrip(" ") + " " + text[end:].lstrip(" ")
        left = workbench.predict(rest.strip(), task=task, model=model, k=1).nearest[0].distance
        found.append(Phrase(start=start, end=end, text=text[start:end], moved=whole - left))
    return found
