"""Draws the groups of a training step: one input under a reference instruction and paraphrases.

Step k of a seed always gives the same groups, so a resumed run continues with new ones.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from robustness.data import prompts
from robustness.errors import InputError
from robustness.types import Example, Instruction

_DRAWS = 200


@dataclass(frozen=True, slots=True)
class Instance:
    """A prompt and its gold answer as token ids."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    """The tokens of the label word, then those that end an answer."""


@dataclass(frozen=True, slots=True)
class Group:
    """One input under a reference instruction and its paraphrases, all with the same answer."""

    task: str
    reference: Instance
    paraphrases: tuple[Instance, ...]


def answer_of(instruction: Instruction, example: Example) -> str:
    """The label word of an input's right answer under an instruction.

    Raises:
        InputError: The input has no label.
    """
    if example.answer not in example.options:
        raise InputError(
            f"the example {example.id} of {example.task} has the answer {example.answer!r}, not "
            f"one of its options {list(example.options)}; only labelled inputs can be trained on"
        )
    return prompts.label_words(instruction, example.options)[example.options.index(example.answer)]


def instance_of(
    tokenizer: Any, end: Sequence[int], instruction: Instruction, example: Example,
    wrap: Callable[[str], str] = str,
) -> Instance:
    """A labelled input under an instruction, as token ids.

    Args:
        tokenizer: The backbone's tokenizer.
        end: Ids of the tokens that end an answer.
        instruction: The instruction.
        example: The labelled input.
        wrap: Wraps a prompt in the chat format of serving; see `chat_formats`.

    Raises:
        InputError: The input has no label, or does not fit the instruction's template.
    """
    prompt = tokenizer(wrap(prompts.fill(instruction, example).text))["input_ids"]
    answer = tokenizer(answer_of(instruction, example), add_special_tokens=False)["input_ids"]
    return Instance(tuple(prompt), (*answer, *end))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """The data from which groups are drawn."""

    tokenizer: Any
    end: tuple[int, ...]
    """Ids of the tokens that end an answer, as when the model is served."""
    context: int
    """Number of tokens that fit beside the prefix."""
    examples: Mapping[str, Sequence[Example]]
    """Task -> training inputs."""
    observed: Mapping[str, Sequence[Instruction]]
    """Task -> reference instructions."""
    paraphrases: Mapping[str, Sequence[Instruction]]
    """Task -> paraphrases to train on."""
    seed: int
    wrap: Callable[[str], str] = str
    """Wraps a prompt in the chat format of serving; see `chat_formats`."""

    def ids(self, prompt: str) -> tuple[int, ...]:
        """Token ids of a prompt in the chat format."""
        return tuple(self.tokenizer(self.wrap(prompt))["input_ids"])

    def tasks(self) -> list[str]:
        """Tasks with inputs, observed instructions and paraphrases, sorted."""
        return sorted(set(self.examples) & set(self.observed) & set(self.paraphrases))

    def instance(self, instruction: Instruction, example: Example) -> Instance | None:
        """An input under an instruction as token ids; None where it exceeds the context."""
        made = instance_of(self.tokenizer, self.end, instruction, example, self.wrap)
        return made if len(made.prompt) + len(made.answer) <= self.context else None

    def group(self, rng: random.Random, paraphrases: int) -> Group:
        """Draws one group with 1 to `paraphrases` paraphrases.

        Only paraphrases with the same label word for the answer as the reference are used: the loss
        compares distributions position by position over the answer's tokens.

        Raises:
            InputError: No reference and paraphrase with the same answer were found.
        """
        names = self.tasks()
        for _ in range(_DRAWS):
            task = rng.choice(names)
            example = rng.choice(self.examples[task])
            reference = rng.choice(self.observed[task])
            wanted = answer_of(reference, example)
            same = [p for p in self.paraphrases[task] if answer_of(p, example) == wanted]
            drawn = rng.sample(same, min(paraphrases, len(same)))
            first = self.instance(reference, example)
            others = [i for p in drawn if (i := self.instance(p, example)) is not None]
            if first is not None and others:
                return Group(task, first, tuple(others))
        raise InputError(
            f"no group of a reference and a paraphrase was found in {_DRAWS} draws over "
            f"{', '.join(names) or 'no task'}: check that both share label words and fit in "
            f"{self.context} tokens"
        )

    def step(self, number: int, instances: int, paraphrases: int) -> list[Group]:
        """The groups of training step `number`: `instances` of them."""
        rng = random.Random(f"{self.seed}-{number}")
        return [self.group(rng, paraphrases) for _ in range(instances)]


def by_task(instructions: Sequence[Instruction]) -> dict[str, list[Instruction]]:
    """Task -> its instructions; instructions without a task are left out."""
    found: dict[str, list[Instruction]] = defaultdict(list)
    for instruction in instructions:
        if instruction.task:
            found[instruction.task].append(instruction)
    return dict(found)


def hold_out(
    paraphrases: Mapping[str, Sequence[Instruction]], share: float, seed: int
) -> tuple[dict[str, list[Instruction]], list[Instruction]]:
    """Divides each task's paraphrases at random into those to train on and a held-out share."""
    kept: dict[str, list[Instruction]] = {}
    held: list[Instruction] = []
    for task in sorted(paraphrases):
        order = sorted(paraphrases[task], key=lambda i: i.id)
        random.Random(f"{seed}-{task}").shuffle(order)
        count = round(share * len(order))
        held += order[:count]
        kept[task] = order[count:]
    return kept, held
