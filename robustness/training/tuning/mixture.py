"""Draws the packs of an update: several tasks on the same inputs, and conversations.

Update k of a seed always has the same packs, so that a resumed run goes on with new ones.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from robustness.data import prompts
from robustness.errors import NotFoundError
from robustness.evaluation.perturbations.negation import negate
from robustness.models.chat_formats import Format
from robustness.storage import files
from robustness.training.tuning.packs import Sequenced
from robustness.training.tuning.recipe import TuningRecipe
from robustness.training.tuning.shared_inputs import SharedInput, Sources
from robustness.types import Example, Instruction

CHAT = "chat"
_FIRST = 4
"""Tokens of a conversation's answer with full weight."""
_SOURCES = {
    "polarity": 2.0, "subjectivity": 1.5, "pros_cons": 1.0, "question_type": 2.0,
    "dialogue_act": 2.0, "language": 1.0, "scene": 2.0, "story": 2.0,
}
"""Source of inputs -> its share among the packs, where they are no conversations."""
_OWN = 0.67
"""Share of the instructions on a real text that ask for what its corpus is labelled with."""
CONVERSATIONS = "alpaca/seed_tasks.jsonl"
"""File of conversations in a data folder: Self-Instruct's seed tasks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request and its reply."""

    request: str
    reply: str


def conversations(data: Path) -> list[Exchange]:
    """The seed tasks of Self-Instruct (Apache-2.0) as conversations.

    Args:
        data: Folder with `alpaca/seed_tasks.jsonl`.

    Raises:
        NotFoundError: There is no such file.
    """
    path = data / CONVERSATIONS
    if not path.is_file():
        raise NotFoundError(
            f"{path} does not exist; it is Self-Instruct's seed_tasks.jsonl. Put it there, or "
            "leave conversations out with: --set chat_share=0"
        )
    found = []
    for row in files.read_jsonl(path):
        with files.well_formed(path):
            for one in row["instances"]:
                request = "\n".join(t for t in (row["instruction"], one["input"]) if t)
                found.append(Exchange(request=request, reply=one["output"]))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningMixture:
    """The data from which packs are drawn."""

    recipe: TuningRecipe
    tokenizer: Any
    chat: Format
    """The model's chat format, in which every prompt is written."""
    instructions: Mapping[str, Sequence[Instruction]]
    """Task -> its instructions."""
    sources: Sources
    conversations: Sequence[Exchange]

    def _ids(self, text: str, *, start: bool = False) -> tuple[int, ...]:
        return tuple(self.tokenizer(text, add_special_tokens=start).input_ids)

    def sequences_of(
        self, instruction: Instruction, example: Example, *, every: bool = False
    ) -> list[Sequenced]:
        """A prompt with its answer; with `every`, with each of its options in turn.

        Tokens are those that scorers read: the prompt in the chat format, then the option and what
        ends an answer.
        """
        prompt = prompts.fill(instruction, example)
        start = self._ids(self.chat.wrap(prompt.text), start=True)
        chosen = (
            prompt.options if every
            else (prompt.options[example.options.index(str(example.answer))],)
        )
        made = []
        for option in chosen:
            answer = (*self._ids(option), *self.chat.end)
            made.append(
                Sequenced(
                    prompt=start, answer=answer, weights=(1.0,) * len(answer), name=example.task
                )
            )
        return made

    def _chosen(self, shared: SharedInput, source: str, rng: random.Random) -> list[Instruction]:
        """The instructions of a pack, negated in a share."""
        tasks = sorted(shared.examples)
        others = [t for t in tasks if t != source] if source in shared.examples else tasks
        rng.shuffle(others)
        made = []
        for number in range(self.recipe.instructions):
            own = source in shared.examples and (number == 0 or rng.random() < _OWN)
            task = source if own else others[number % len(others)]
            instruction = rng.choice(self.instructions[task])
            if rng.random() < self.recipe.negated_share:
                text = negate(instruction.text)
                instruction = replace(instruction, text=text, collection="negated", id="")
            made.append(instruction)
        return made

    def _asked(
        self, instruction: Instruction, shared: SharedInput, shuffled: bool, rng: random.Random
    ) -> Sequenced:
        example = shared.examples[str(instruction.task)]
        if shuffled:
            order = rng.sample(example.options, len(example.options))
            example = replace(example, options=tuple(order), id="")
        name = example.task
        if instruction.collection == "negated":
            name = "negated"
            wrong = [o for o in example.options if o != example.answer]
            example = replace(example, answer=rng.choice(wrong))
        return replace(self.sequences_of(instruction, example)[0], name=name)

    def _tasks(self, rng: random.Random) -> list[Sequenced]:
        source = rng.choices(list(_SOURCES), list(_SOURCES.values()))[0]
        inputs = [self.sources.draw(source, rng) for _ in range(self.recipe.inputs)]
        made = []
        for instruction in self._chosen(inputs[0], source, rng):
            shuffled = rng.random() < self.recipe.shuffled_share
            made += [self._asked(instruction, one, shuffled, rng) for one in inputs]
        return made

    def _talk(self, rng: random.Random) -> list[Sequenced]:
        made = []
        for one in rng.sample(self.conversations, min(3, len(self.conversations))):
            whole = (*self._ids(one.reply), *self.chat.end)
            answer = whole[: self.recipe.chat_tokens]
            later = self.recipe.chat_later
            weights = [1.0 if n < _FIRST else later for n in range(len(answer))]
            start = self._ids(self.chat.wrap(one.request), start=True)[-400:]
            made.append(
                Sequenced(prompt=start, answer=answer, weights=tuple(weights), name=CHAT)
            )
        return made

    def update(self, number: int) -> list[list[Sequenced]]:
        """The packs of update `number`."""
        rng = random.Random(f"{self.recipe.seed}-{number}")
        return [
            self._talk(rng) if rng.random() < self.recipe.chat_share else self._tasks(rng)
            for _ in range(self.recipe.packs)
        ]
