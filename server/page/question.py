"""The inputs of the *Try* tab as values, and the texts of its lists and replies.

Does not lay out the tab; see `try_tab.py`.
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
    """The user's input; its options are in `options`."""
    options: str
    model: str
    evidence: str = next(iter(EVIDENCE))

    @property
    def own(self) -> bool:
        """Whether the question is about a user input, not about a task."""
        return self.task == OWN

    @property
    def given(self) -> str | None:
        """Name of the task; None for a user input."""
        return None if self.own else self.task

    def example(self) -> Example | None:
        """The shown input, on which models are compared; None if the user has typed none."""
        if not self.own:
            examples = tasks.builtin(self.task).split("dev")
            return next((e for e in examples if e.id == self.chosen), examples[0])
        if not self.text.strip():
            return None
        return Example(
            task="", fields={"text": self.text}, options=cell_lists.split(self.options)
        )

    def about(self) -> tuple[Any, ...]:
        """The values that a prediction depends on, without the chosen input of a task."""
        typed = (self.text, self.options) if self.own else ()
        return (self.instruction, self.task, self.model, self.evidence, *typed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A prediction that was made, for the handlers that show it again."""

    about: tuple[Any, ...]
    """See `Question.about`."""
    prediction: Prediction

    def line(self) -> str:
        """The prediction as a line of the history."""
        made = self.prediction
        if made.degradation is None or made.low is None or made.high is None:
            return "no number"
        return with_bounds(made.degradation, made.low, made.high, CHANGE)


def of(fields: Sequence[Any]) -> Question:
    """The question of the values of the tab's inputs, in their order."""
    names = [f.name for f in dataclasses.fields(Question)]
    values = dict(zip(names, fields, strict=True))
    # A text box that a script has emptied has the value None.
    texts = {name: values[name] or "" for name in ("instruction", "text", "options")}
    return Question(**values | texts)


def reply(asked: Sequence[Any], cards: Sequence[str]) -> str:
    """Cards with their question; the browser drops them if the question has changed meanwhile."""
    return json.dumps({"asked": list(asked), "cards": list(cards)})


def label_of(example: Example) -> str:
    """Label of an input in the list of inputs."""
    text = " | ".join(example.fields.values())
    return text if len(text) <= 110 else text[:109] + "…"


def listed(task: str) -> list[tuple[str, str]]:
    """(label, id) of the inputs of a task; empty for user inputs."""
    if task == OWN:
        return []
    return [(label_of(e), e.id) for e in tasks.builtin(task).split("dev")[:_LISTED]]

