"""Groups of one input under a reference instruction and its paraphrases, as token ids.

Refuses to know the model. Step k of a seed is always the same batch: a resumed run repeats none.
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
    """One prompt with its gold answer."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    """Tokens of the label word, and the end of text."""


@dataclass(frozen=True, slots=True)
class Group:
    """One input under several phrasings with equal gold answers."""

    task: str
    reference: Instance
    paraphrases: tuple[Instance, ...]


def answer_of(instruction: Instruction, example: Example) -> str:
    """The label word of the gold answer under a phrasing.

    Raises:
        InputError: The example has no answer.
    """
    if example.answer not in example.options:
        raise InputError(
            f"the example {example.id} of {example.task} has the answer {example.answer!r}, not "
            f"one of its options {list(example.options)}; only labelled inputs can be trained on"
        )
    return prompts.label_words(instruction, example.options)[example.options.index(example.answer)]


def instance_of(
    tokenizer: Any, end: int, instruction: Instruction, example: Example,
    wrap: Callable[[str], str] = str,
) -> Instance:
    """A labelled input under a phrasing as token ids.

    Args:
        tokenizer: The backbone's.
        end: Id of its end-of-text token.
        instruction: The phrasing.
        example: The input.
        wrap: Puts around a prompt what stands there when the model is served: see `formats.py`.

    Raises:
        InputError: The example has no answer, or does not fit the phrasing.
    """
    prompt = tokenizer(wrap(prompts.fill(instruction, example).text))["input_ids"]
    answer = tokenizer(answer_of(instruction, example), add_special_tokens=False)["input_ids"]
    return Instance(tuple(prompt), (*answer, end))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """What groups are drawn from."""

    tokenizer: Any
    end: int
    """Id of the end-of-text token."""
    context: int
    """Tokens that fit beside the prefix."""
    examples: Mapping[str, Sequence[Example]]
    """Task -> training inputs."""
    observed: Mapping[str, Sequence[Instruction]]
    """Task -> reference instructions."""
    paraphrases: Mapping[str, Sequence[Instruction]]
    """Task -> paraphrases to train on."""
    seed: int
    wrap: Callable[[str], str] = str
    """Puts around a prompt what stands there when the model is served: see `formats.py`."""

    def ids(self, prompt: str) -> tuple[int, ...]:
        """Tokens of a prompt as the model is to read it."""
        return tuple(self.tokenizer(self.wrap(prompt))["input_ids"])

    def tasks(self) -> list[str]:
        """Tasks that have inputs, observed instructions and paraphrases, in order."""
        return sorted(set(self.examples) & set(self.observed) & set(self.paraphrases))

    def instance(self, instruction: Instruction, example: Example) -> Instance | None:
        """One instance, or None where it does not fit."""
        made = instance_of(self.tokenizer, self.end, instruction, example, self.wrap)
        return made if len(made.prompt) + len(made.answer) <= self.context else None

    def group(self, rng: random.Random, paraphrases: int) -> Group:
        """One group of at most `paraphrases` paraphrases, at least one.

        A paraphrase with another label word has another gold answer: its distribution cannot be
        compared with the reference's position by position, so it waits for another reference.

        Raises:
            InputError: No reference and paraphrase share an answer.
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
        """The groups of step `number`."""
        rng = random.Random(f"{self.seed}-{number}")
        return [self.group(rng, paraphrases) for _ in range(instances)]


def by_task(instructions: Sequence[Instruction]) -> dict[str, list[Instruction]]:
    """Instructions that name a task, grouped by it."""
    found: dict[str, list[Instruction]] = defaultdict(list)
    for instruction in instructions:
        if instruction.task:
            found[instruction.task].append(instruction)
    return dict(found)


def hold_out(
    paraphrases: Mapping[str, Sequence[Instruction]], share: float, seed: int
) -> tuple[dict[str, list[Instruction]], list[Instruction]]:
    """Splits every task's paraphrases at random into those to train on and those held out."""
    kept: dict[str, list[Instruction]] = {}
    held: list[Instruction] = []
    for task in sorted(paraphrases):
        order = sorted(paraphrases[task], key=lambda i: i.id)
        random.Random(f"{seed}-{task}").shuffle(order)
        count = round(share * len(order))
        held += order[:count]
        kept[task] = order[count:]
    return kept, held
