"""Plans the experiment (training inputs, test inputs, instructions) before a model is loaded."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from robustness.data import instructions as collections
from robustness.data.tasks import Task
from robustness.errors import InputError
from robustness.evaluation.perturbations import kinds
from robustness.evaluation.perturbations.kinds import Kind, Material
from robustness.evaluation.study.values import Left
from robustness.training.perturbed import inputs
from robustness.training.perturbed.recipe import Arm, Form, Recipe, Setting, Version
from robustness.types import Example, Instruction

_SHOWN = 16
"""Number of inputs per task reserved for worked examples; they are not trained on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The training data of one task."""

    task: Task
    """The task; its examples are those from which worked examples are drawn."""
    inputs: tuple[Example, ...]
    instructions: tuple[Instruction, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One test input under one instruction."""

    setting: Setting
    task: Task
    """As in `Source`."""
    instruction: Instruction
    example: Example

    def under(self, version: Version) -> Instruction:
        """The instruction altered as in a version; worked examples are the same for every model."""
        return altered(version, self.instruction, self.task, seed=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One training input under one original instruction."""

    task: Task
    instruction: Instruction
    example: Example


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlinedTask:
    """The numbers of training and test inputs of one task."""

    task: str
    setting: Setting
    training: int
    """Number of inputs available for training."""
    tested: int
    """Number of test inputs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A plan in numbers, for display."""

    trainings: int
    updates: int
    answers: int
    """Number of generated answers, including those of the untrained model."""
    tasks: tuple[OutlinedTask, ...]
    left: tuple[Left, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The trainings and tests of an experiment."""

    recipe: Recipe
    sources: tuple[Source, ...]
    cells: tuple[Trial, ...]
    left: tuple[Left, ...]

    @property
    def held_out(self) -> tuple[str, ...]:
        """Ids of the tasks that are only tested."""
        return tuple(dict.fromkeys(c.task.id for c in self.cells if c.setting is Setting.TASKS))

    def pairs(self, arm: Arm) -> list[Pair]:
        """The training inputs of an arm with their instructions.

        They are the same for every version, and an arm with fewer inputs has the first of them.
        """
        found = []
        for source in self.sources:
            rng = random.Random(f"{arm.seed}-{source.task.id}")
            order = list(source.inputs)
            rng.shuffle(order)
            found += [
                Pair(task=source.task, instruction=rng.choice(source.instructions), example=e)
                for e in order[: arm.instances]
            ]
        return found

    def updates(self, arm: Arm) -> int:
        """Number of updates of an arm's training."""
        count = sum(min(arm.instances, len(s.inputs)) for s in self.sources)
        return self.recipe.epochs * math.ceil(count / self.recipe.batch)

    def answers(self, arm: Arm) -> int:
        """Number of answers that an arm's tests generate."""
        return len(self.cells) * len(arm.tested)

    def outline(self) -> Outline:
        """The plan in numbers."""
        arms = self.recipe.arms
        ready = {s.task.id: len(s.inputs) for s in self.sources}
        tested: dict[tuple[str, Setting], int] = {}
        for cell in self.cells:
            key = (cell.task.id, cell.setting)
            tested[key] = tested.get(key, 0) + 1
        return Outline(
            trainings=len(arms) - 1, updates=sum(self.updates(a) for a in arms),
            answers=sum(self.answers(a) for a in arms), left=self.left,
            tasks=tuple(
                OutlinedTask(
                    task=task, setting=setting, tested=count,
                    training=ready[task] if setting is Setting.INSTRUCTIONS else 0,
                )
                for (task, setting), count in tested.items()
            ),
        )


def altered(version: Version, given: Instruction, task: Task, *, seed: int) -> Instruction:
    """An instruction altered as in a version.

    Args:
        version: The kind of alteration.
        given: The original instruction.
        task: The task; its examples are those from which worked examples are drawn.
        seed: Seed of the worked examples.

    Raises:
        InputError: The task has no two examples with different answers.
    """
    made_of = Material(task=task, observed=(), collected=(), closest=None)
    if version is Version.ORIGINAL:
        return given
    if version is Version.SIMPLIFIED:
        return kinds.alter(Kind.SIMPLIFIED, given, made_of, seed=seed)
    bare = kinds.alter(Kind.EMPTY, given, made_of, seed=seed)
    if version is Version.EMPTY:
        # Without its text nothing tells the model which label words to use: the options count.
        return replace(bare, label_words={}, id="")
    kind = Kind.DELUSIVE if version is Version.DELUSIVE else Kind.CORRECT
    return kinds.alter(kind, bare, made_of, seed=seed)


def plan(
    recipe: Recipe,
    *,
    tasks: Sequence[Task],
    held_out: Sequence[Task],
    observed: Sequence[Instruction],
    unobserved: Sequence[Instruction],
    training: Mapping[str, Sequence[Example]],
    left: Sequence[Left] = (),
) -> Plan:
    """Plans the experiment.

    Args:
        recipe: The settings.
        tasks: Tasks to train on, which are tested with unobserved instructions.
        held_out: Tasks that are only tested.
        observed: Instructions to train on.
        unobserved: Instructions to test with.
        training: Task -> labelled training inputs, none of which are tested.
        left: What was already left out while reading.

    Raises:
        InputError: There is nothing to train on or to test, a task is both trained on and held
            out, worked examples cannot be made, or an instruction belongs to unobserved-test.
    """
    for instruction in (*observed, *unobserved):
        if instruction.collection == collections.UNOBSERVED_TEST:
            raise InputError(
                f"the instruction {instruction.id} belongs to {instruction.collection}, which is "
                "kept for final measurements; use unobserved-development"
            )
    if both := {t.id for t in tasks} & {t.id for t in held_out}:
        raise InputError(f"the task {min(both)} cannot be trained on and held out")
    out = list(left)
    sources: list[Source] = []
    cells: list[Trial] = []
    for task in tasks:
        known = collections.for_task(observed, task.id, task.task_type)
        own = tuple(training.get(task.id, ()))
        spare = min(_SHOWN, len(own) // 4)
        if not known or len(own) - spare < 1:
            missing = "no phrasing to train on" if not known else "no labelled inputs to train on"
            out.append(Left(what="task", name=task.id, reason=f"there is {missing}"))
            continue
        shown = replace(task, examples=tuple(replace(e, split="train") for e in own[:spare]))
        sources.append(Source(task=shown, inputs=own[spare:], instructions=tuple(known)))
        cells += _cells(Setting.INSTRUCTIONS, task, shown, unobserved, recipe.limit, out)
    for task in held_out:
        tested = {e.id for e in inputs.balanced(task.labelled, recipe.limit)}
        others = tuple(
            replace(e, split="train") for e in task.examples
            if e.split in ("train", "dev") and e.id not in tested
        )
        shown = replace(task, examples=others[:_SHOWN])
        cells += _cells(Setting.TASKS, task, shown, unobserved, recipe.limit, out)
    if not sources or not cells:
        reasons = "; ".join(f"{row.name}: {row.reason}" for row in out[:3])
        raise InputError(f"nothing is left to train on and to test. {reasons or 'Name tasks'}")
    made = Plan(recipe=recipe, sources=tuple(sources), cells=tuple(cells), left=tuple(out))
    _check(made)
    return made


def _cells(
    setting: Setting, task: Task, shown: Task, unobserved: Sequence[Instruction], limit: int,
    left: list[Left],
) -> list[Trial]:
    known = collections.for_task(unobserved, task.id, task.task_type)
    examples = inputs.balanced(task.labelled, limit)
    if not known or not examples:
        missing = "no phrasing to test it with" if not known else "no labelled input to test"
        left.append(Left(what="test", name=f"{task.id}, {setting}", reason=f"there is {missing}"))
        return []
    # Inputs are ordered by label, so instructions are drawn at random and not in turn.
    order = random.Random(task.id)
    return [
        Trial(setting=setting, task=shown, instruction=order.choice(known), example=e)
        for e in examples
    ]


def _check(made: Plan) -> None:
    """Checks that every version of every task can be made; raises InputError otherwise."""
    for version in made.recipe.versions:
        seen = {c.task.id: (c.instruction, c.task) for c in made.cells}
        seen |= {s.task.id: (s.instructions[0], s.task) for s in made.sources}
        for name, (instruction, task) in seen.items():
            try:
                altered(version, instruction, task, seed=0)
            except InputError as error:
                raise InputError(
                    f"the version {version} of {name} cannot be made: {error}; leave the version "
                    "or the task out"
                ) from error


def tested_as(tested: Form, version: Version) -> Version:
    """The version in which a test's instructions are altered."""
    return Version.ORIGINAL if tested is Form.ORIGINAL else version
