"""Inputs with their answer to every task that can be asked of them.

A review has its polarity, and also a language, a length and a kind; only the instruction says which
is asked. The further tasks of real text have answers that can be read off the text.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from robustness.data import instructions
from robustness.training.backbone import worlds
from robustness.training.backbone.corpora import OPTIONS
from robustness.training.backbone.data import UNSEEN_TASKS
from robustness.types import Example, Instruction, TaskType

YES, NO = "yes", "no"
LONG = 14
"""Number of words from which on a text is long."""
_KINDS = {
    "polarity": "review", "pros_cons": "review", "question_type": "question",
    "dialogue_act": "chat", "language": "declaration",
}
_MARKS = {".": "full stop", "?": "question mark", "!": "exclamation mark"}
_FIRST_PERSON = frozenset(("i", "me", "my", "i'm", "i've", "i'd", "i'll", "mine", "myself"))


def _yes(value: bool) -> str:
    return YES if value else NO


@dataclass(frozen=True, slots=True, kw_only=True)
class Further:
    """A further task of real text."""

    options: tuple[str, ...]
    answer: Callable[[str, str], str | None]
    """(text, the corpus's task) -> the answer; None where the text has none."""
    templates: tuple[tuple[str, str], ...]
    """(instruction, option format)."""


FURTHER: Mapping[str, Further] = {
    "text_length": Further(
        options=("short", "long"),
        answer=lambda text, _: "long" if len(text.split()) >= LONG else "short",
        templates=(
            ("Is this text short or long?\n{text}\nAnswer:", ""),
            ("{text}\n\nSay whether the text above is long ({options}).", "slashes"),
            ("Judge the length of the text.\nText: {text}\nOptions:\n{options}\nLength:", "dashes"),
            ("Text: {text}\nThe text is", ""),
        ),
    ),
    "text_kind": Further(
        options=("review", "question", "chat", "declaration"),
        answer=lambda _, task: _KINDS.get(task),
        templates=(
            ("What kind of text is this?\n{options}\n\n{text}\nKind:", "dashes"),
            ("Text: {text}\nWhere does it come from: {options}?", "or"),
            ("{text}\nName the sort of text ({options}).\n=>", "commas"),
            ("Classify the source of the text as {options}.\n{text}", "or"),
        ),
    ),
    "text_comma": Further(
        options=(YES, NO),
        answer=lambda text, _: _yes("," in text),
        templates=(
            ("Does the text contain a comma?\n{text}\nAnswer:", ""),
            ("{text}\nIs there a comma in it? {options}", "slashes"),
            ("Text: {text}\nQuestion: Has it got a comma?\nOptions:\n{options}\nA:", "dashes"),
        ),
    ),
    "text_digit": Further(
        options=(YES, NO),
        answer=lambda text, _: _yes(any(c.isdigit() for c in text)),
        templates=(
            ("Is a number written in figures in this text?\n{text}\nAnswer:", ""),
            ("Say yes if the text has a digit, otherwise no.\n\n{text}", ""),
            ("{text}\nDigits in the text: {options}?", "or"),
        ),
    ),
    "text_first_person": Further(
        options=(YES, NO),
        answer=lambda text, _: _yes(bool(_FIRST_PERSON & set(text.lower().split()))),
        templates=(
            ("Does the writer speak of themselves (I, me, my)?\n{text}\nAnswer:", ""),
            ("{text}\nIs this text in the first person? {options}", "slashes"),
            ("Tell me whether 'I', 'me' or 'my' occurs: {text}\nOptions:\n{options}", "dashes"),
        ),
    ),
    "text_ending": Further(
        options=(*_MARKS.values(), "nothing"),
        answer=lambda text, _: _MARKS.get(text.rstrip()[-1:], "nothing"),
        templates=(
            ("Which mark ends the text?\n{options}\n{text}\nAnswer:", "dashes"),
            ("{text}\nThe text closes with: {options}?", "or"),
            ("Name the punctuation at the end ({options}).\nText: {text}\n=>", "commas"),
        ),
    ),
}
"""Name -> task."""


def further_instructions() -> dict[str, list[Instruction]]:
    """Name of a further task -> its instructions."""
    return {
        name: [
            Instruction(
                text=text, collection="tuning", task=name, option_format=style, observed=True,
                task_type=TaskType.BC if len(task.options) == 2 else TaskType.MC,
            )
            for text, style in task.templates
        ]
        for name, task in FURTHER.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedInput:
    """One input as an example of every task that can be asked of it."""

    examples: Mapping[str, Example]
    """Task -> the input with its options and answer."""


def of_real_text(example: Example) -> SharedInput:
    """A text of a corpus with the answers to the further tasks; all but one corpus is English."""
    text = example.fields["text"]
    found = {example.task: example}
    for name, task in FURTHER.items():
        answer = task.answer(text, example.task)
        if answer is not None:
            found[name] = replace(example, task=name, options=task.options, answer=answer, id="")
    if example.task != "language":
        found["language"] = replace(
            example, task="language", options=OPTIONS["language"], answer="english", id=""
        )
    return SharedInput(examples=found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where inputs are drawn from."""

    real: Mapping[str, Mapping[str, Sequence[Example]]]
    """Real-text task -> answer -> training examples."""
    held_out: frozenset[str]
    """Texts that are not trained on."""

    def draw(self, source: str, rng: random.Random) -> SharedInput:
        """One input of a real-text task, of a scene or of a story."""
        if source in self.real:
            # Every answer is equally likely: some corpora are far from balanced.
            by_answer = self.real[source]
            return of_real_text(rng.choice(by_answer[rng.choice(sorted(by_answer))]))
        while True:
            if source == "scene":
                tasks = [t for t in worlds.SCENE_TASKS if t not in UNSEEN_TASKS]
                examples = worlds.scene_examples(rng, tasks, "train")
            else:
                tasks = [t for t in worlds.STORY_TASKS if t not in UNSEEN_TASKS]
                bound = rng.random() < 0.25
                examples = worlds.story_examples(
                    worlds.story(rng, bound=bound), tasks, "train", rng
                )
            if next(iter(examples[0].fields.values())) not in self.held_out:
                return SharedInput(examples={e.task: e for e in examples})


def sources(examples: Sequence[Example], held_out: frozenset[str]) -> Sources:
    """The sources of inputs.

    Args:
        examples: Labelled examples of the real-text tasks, of all splits.
        held_out: Texts that are not trained on.
    """
    found: dict[str, dict[str, list[Example]]] = defaultdict(lambda: defaultdict(list))
    for e in examples:
        if e.split == "train" and e.fields["text"] not in held_out:
            found[e.task][str(e.answer)].append(e)
    return Sources(real={t: dict(a) for t, a in found.items()}, held_out=held_out)


def asked() -> dict[str, list[Instruction]]:
    """Task -> its observed instructions; of the further tasks, their own."""
    made = further_instructions()
    for instruction in instructions.builtin(instructions.OBSERVED):
        if instruction.task:
            made.setdefault(instruction.task, []).append(instruction)
    return made
