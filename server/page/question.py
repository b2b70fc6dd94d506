"""What the *Try* tab asks, and what it shows of it.

Does not lay anything out; see `try_layout.py`.
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from robustness.data import tasks
from robustness.stats.interval_text import CHANGE, with_bounds
from robustness.storage import cell_lists
from robustness.types import Example, Prediction

OWN = "my own input"

EVIDENCE = {
    "unlabelled inputs, 16 (live)": (0, 0),
    "unlabelled inputs, 64": (64, 0),
    "labelled inputs, 16": (0, 16),
    "labelled inputs, 32": (0, 32),
    "labelled inputs, 64": (0, 64),
}
"""Choice of evidence -> number of (unlabelled, labelled) inputs to read."""

_LISTED = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The values of the tab's inputs, in their order."""

    instruction: str
    task: str
    chosen: str | None
    """Id of the task's input."""
    text: str
    """The user's own input, and its options."""
    options: str
    model: str
    evidence: str = next(iter(EVIDENCE))

    @property
    def own(self) -> bool:
        """Whether it is on the user's own input, not on a task."""
        return self.task == OWN

    @property
    def given(self) -> str | None:
        """The task's name, where there is a task."""
        return None if self.own else self.task

    def example(self) -> Example | None:
        """The input that is shown and compared on; None where the user has typed none."""
        if not self.own:
            examples = tasks.builtin(self.task).split("dev")
            return next((e for e in examples if e.id == self.chosen), examples[0])
        if not self.text.strip():
            return None
        return Example(
            task="", fields={"text": self.text}, options=cell_lists.split(self.options)
        )

    def about(self) -> tuple[Any, ...]:
        """What a prediction depends on: which of a task's inputs is shown is not among it."""
        typed = (self.text, self.options) if self.own else ()
        return (self.instruction, self.task, self.model, self.evidence, *typed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A prediction that is handed on, so that nobody makes it again."""

    about: tuple[Any, ...]
    """See `Question.about`."""
    prediction: Prediction

    def line(self) -> str:
        """The prediction in one line of the history."""
        made = self.prediction
        if made.degradation is None or made.low is None or made.high is None:
            return "no number"
        return with_bounds(made.degradation, made.low, made.high, CHANGE)


def of(fields: Sequence[Any]) -> Question:
    """The question that the inputs' values make, in their order."""
    names = [f.name for f in dataclasses.fields(Question)]
    values = dict(zip(names, fields, strict=True))
    # A box that was emptied by a script has no value at all.
    texts = {name: values[name] or "" for name in ("instruction", "text", "options")}
    return Question(**values | texts)


def reply(asked: Sequence[Any], cards: Sequence[str]) -> str:
    """Cards with what they answer, so that the browser drops them where that changed meanwhile."""
    return json.dumps({"asked": list(asked), "cards": list(cards)})


def label_of(example: Example) -> str:
    """Label of an input in the list of inputs."""
    text = " | ".join(example.fields.values())
    return text if len(text) <= 110 else text[:109] + "…"


def listed(task: str) -> list[tuple[str, str]]:
    """Label and id of the inputs that a task offers; none for the user's own."""
    if task == OWN:
        return []
    return [(label_of(e), e.id) for e in tasks.builtin(task).split("dev")[:_LISTED]]

