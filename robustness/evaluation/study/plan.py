"""Plans an evaluation: which prompts each model gets, and how many, before any model runs."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from robustness.data import instructions as collections
from robustness.data import prompts
from robustness.data.tasks import Task
from robustness.errors import InputError
from robustness.evaluation.defaults import INPUTS as LIMIT
from robustness.evaluation.study import shots
from robustness.evaluation.study.values import Condition, Left
from robustness.index import representations
from robustness.types import Example, Instruction, Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Settings of an evaluation."""

    shots: tuple[int, ...] = (0,)
    """Numbers of solved examples in the prompt; zero-shot is always added, since distances need
    it."""
    draws: int = 1
    """How many random choices of solved examples are evaluated."""
    limit: int | None = LIMIT
    """Largest number of labelled test inputs per task, evenly spaced; None: all."""
    free: bool = False
    """Whether answers are also generated as text and parsed."""
    posix: bool = True
    """Whether POSIX is computed, which scores the label words of all instructions on each
    prompt."""
    effects: bool = False
    """Whether the effects of the options' order and of a prior for labels are measured."""
    again: int = 0
    """About how many prompts of each model are asked again, alone and in another order, for the
    repeatability part of the noise floor."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.draws < 1 or any(n < 0 for n in self.shots):
            raise InputError(
                f"solved examples are counted from 0 and drawn at least once, found {self.shots} "
                f"and {self.draws}"
            )
        if self.limit is not None and self.limit < 1:
            raise InputError(f"at least one input a task is needed, found {self.limit}")

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """All conditions, zero-shot first."""
        counts = sorted({0, *self.shots})
        return tuple(
            Condition(shots=n, draw=d) for n in counts for d in range(self.draws if n else 1)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The prompts of one task under one condition, the same for every model."""

    task: Task
    condition: Condition
    instructions: tuple[Instruction, ...]
    examples: tuple[Example, ...]
    shown: tuple[tuple[Example, ...], ...]
    """The solved examples shown before each input."""
    words_of: Mapping[tuple[str, ...], tuple[str, ...]]
    """Options -> the label words of all instructions for them; empty without POSIX."""

    def own_words(self, instruction: Instruction, example: Example) -> tuple[str, ...]:
        """The instruction's own label words, in the order of the options."""
        return prompts.label_words(instruction, example.options)

    def words(self, instruction: Instruction, example: Example) -> tuple[str, ...]:
        """The instruction's own label words, followed by those of other instructions."""
        own = self.own_words(instruction, example)
        return (*own, *(w for w in self.words_of.get(example.options, ()) if w not in own))

    def prompts(self, instruction: Instruction) -> Iterator[Prompt]:
        """The prompts under one instruction, one for each input.

        Raises:
            InputError: See `prompts.fill`.
        """
        for example, shown in zip(self.examples, self.shown, strict=True):
            yield shots.prompt(instruction, example, shown, self.words(instruction, example))


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlinedPart:
    """The numbers of instructions and inputs of one task under one condition."""

    task: str
    condition: str
    instructions: int
    inputs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A plan in numbers, for display."""

    calls: int
    models: int
    parts: tuple[OutlinedPart, ...]
    left: tuple[Left, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The prompts of an evaluation."""

    recipe: Recipe
    parts: tuple[Part, ...]
    left: tuple[Left, ...]

    def calls(self, models: int) -> int:
        """Number of prompts for a number of models; a generated answer counts as another prompt."""
        cells = sum(len(p.instructions) * len(p.examples) for p in self.parts)
        return cells * models * (2 if self.recipe.free else 1)

    def summary(self, models: int) -> Outline:
        """The plan in numbers, for a number of models."""
        return Outline(
            calls=self.calls(models), models=models, left=self.left,
            parts=tuple(
                OutlinedPart(
                    task=p.task.id, condition=p.condition.label,
                    instructions=len(p.instructions), inputs=len(p.examples),
                )
                for p in self.parts
            ),
        )


def inputs(task: Task, limit: int | None) -> tuple[Example, ...]:
    """The labelled test inputs of a task; evenly spaced ones if there are more than the limit."""
    known = task.labelled
    if limit is None or len(known) <= limit:
        return known
    # Evenly spaced, since benchmarks are often sorted by subject or class.
    return tuple(known[int(n)] for n in np.linspace(0, len(known) - 1, limit).round())


def plan(
    tasks: Sequence[Task],
    instructions: Sequence[Instruction],
    recipe: Recipe,
    left: Sequence[Left] = (),
) -> Plan:
    """Plans an evaluation: assigns instructions to tasks and chooses inputs and solved examples.

    Args:
        tasks: Tasks with labelled inputs.
        instructions: The instructions of all collections.
        recipe: The settings.
        left: What was already left out while reading, to be listed with the rest.

    Raises:
        InputError: Nothing is left to evaluate; the message gives the reasons.
    """
    parts: list[Part] = []
    out = list(left)
    used: set[str] = set()
    for task in tasks:
        examples = inputs(task, recipe.limit)
        chosen = []
        for instruction in collections.for_task(instructions, task.id, task.task_type):
            used.add(instruction.id)
            reason = unfit(instruction, task, examples)
            if reason:
                name = f"{instruction.text!r} on {task.id}"
                out.append(Left(what="instruction", name=name, reason=reason))
            else:
                chosen.append(instruction)
        if not examples:
            out.append(Left(what="task", name=task.id, reason="it has no labelled inputs"))
        elif not chosen:
            reason = (
                f"no instruction is for it: they need task {task.id!r}, or none and the type "
                f"{task.task_type}, and no fields but {', '.join(task.fields)}"
            )
            out.append(Left(what="task", name=task.id, reason=reason))
        else:
            parts += _parts(task, tuple(chosen), examples, recipe, out)
    unused = Counter(
        i.task or f"the type {i.task_type}" for i in instructions if i.id not in used
    )
    out += [
        Left(
            what="instruction", name=f"{count} for {about}",
            reason=f"{about} is not among the tasks",
        )
        for about, count in unused.items()
    ]
    if not parts:
        reasons = "; ".join(f"{row.name}: {row.reason}" for row in out[:3])
        raise InputError(f"nothing is left to evaluate. {reasons or 'Name tasks and instructions'}")
    return Plan(recipe=recipe, parts=tuple(parts), left=tuple(out))


def _parts(
    task: Task, chosen: tuple[Instruction, ...], examples: tuple[Example, ...], recipe: Recipe,
    left: list[Left],
) -> Iterator[Part]:
    for condition in recipe.conditions:
        try:
            shown = shots.choose(
                task, examples, shots=condition.shots, draw=condition.draw, seed=recipe.seed
            )
        except InputError as error:
            name = f"{task.id}, {condition.label}"
            left.append(Left(what="examples", name=name, reason=str(error)))
            continue
        yield Part(
            task=task, condition=condition, instructions=chosen, examples=examples,
            shown=tuple(shown), words_of=_words(chosen, examples) if recipe.posix else {},
        )


def _words(
    chosen: Sequence[Instruction], examples: Sequence[Example]
) -> dict[tuple[str, ...], tuple[str, ...]]:
    return {
        options: tuple(dict.fromkeys(w for i in chosen for w in prompts.label_words(i, options)))
        for options in dict.fromkeys(e.options for e in examples)
    }


def unfit(instruction: Instruction, task: Task, examples: Sequence[Example]) -> str:
    """Why an instruction cannot be used with a task's inputs; empty where it can."""
    if not representations.fits(instruction, task.fields):
        named = ", ".join(representations.fields_of(instruction))
        return f"it names the fields {named}; the inputs have {', '.join(task.fields)}"
    most = max((len(e.options) for e in examples), default=0)
    if prompts.answers_by_letter(instruction) and most > len(prompts.LETTERS):
        return f"it asks for letters, and an input has {most} options"
    try:
        for example in examples[:1]:
            prompts.fill(instruction, example)
    except InputError as error:
        return str(error)
    return ""
