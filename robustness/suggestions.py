"""Suggestions for an instruction at risk: rewordings with their predictions, and risky phrases.

Every rewording is predicted as any other instruction is; see `prediction/predictor.py`.
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
"""Most words of a phrase."""
_TOKEN = re.compile(rf"{prompts.PLACEHOLDER}|[^\s{{}}]+")
_STOP = re.compile(r"[.,;:!?]$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewording:
    """A rewording of an instruction, with its predicted degradation."""

    text: str
    source: str
    """`observed`, `paraphrase`, or the name of the model that wrote it."""
    prediction: Prediction


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """A phrase of an instruction, and its effect on the distance to the observed instructions."""

    start: int
    end: int
    """The phrase is the characters [start, end) of the instruction."""
    text: str
    moved: float
    """L2 distance to the nearest observed instruction with the phrase, minus that without it. A
    positive value means that the phrase increases the distance."""


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
    """Suggests up to `count` rewordings, least predicted degradation first.

    They are observed instructions of the task, automatic paraphrases and, with `paraphraser`, those
    of a language model.

    Args:
        workbench: Predicts the rewordings.
        text: The user's instruction.
        task: A task with observed instructions.
        model: A served model id; by default the original.
        paraphraser: A language model that writes further rewordings.
        count: Most rewordings.
        seed: Seed of the automatic paraphrases.

    Raises:
        InputError: The text is empty or does not fit the task.
        NotFoundError, MismatchError, CorruptFileError: As `Workbench.predict`.
        EngineError: As there, or the paraphrasing model does not answer.
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
            continue  # a rewording of the model may lack a placeholder and is then left out
        rows.append(Rewording(text=wording, source=source, prediction=made))
    return sorted(rows, key=_loss)[:count]


def _paraphrases(given: Instruction, seed: int) -> list[Instruction]:
    try:
        return paraphrase([given], seed, per_instruction=_PARAPHRASES)
    except InputError:
        return []


def phrases(text: str) -> list[tuple[int, int]]:
    """(start, end) of the phrases of an instruction: its clauses, in pieces of a few words.

    Placeholders belong to no phrase, since `moved` removes phrases and the input must stay.
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
    """The effect of each phrase on the distance, in their order; empty for a single phrase.

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
