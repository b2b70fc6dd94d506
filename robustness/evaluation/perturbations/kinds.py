"""Makes the altered instructions of [S1] and [S2] from any instruction for a task.

No model is run: the nearest observed instruction is an input, see `Material`.
"""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from robustness.data import label_conflicts, prompts
from robustness.data.instructions import for_task
from robustness.data.tasks import Task
from robustness.errors import InputError
from robustness.evaluation.perturbations.negation import negate
from robustness.paraphrasing.candidate_filter import readable, words_of
from robustness.types import Example, Instruction

COLLECTION = "alterations"
EXAMPLES = 2
"""Number of worked examples before an instruction; more do not fit small context windows."""

_WORD = re.compile(rf"{prompts.PLACEHOLDER}|[A-Za-z][A-Za-z']*")
_PLAIN = re.compile(r"\b[a-z]{3,}\b")


class Kind(StrEnum):
    """How an instruction is altered."""

    GIVEN = "given"
    """Not at all: the correct instruction that all others are compared with."""
    CLOSEST = "closest"
    """[S1]: replaced by the nearest observed instruction."""
    INCORRECT = "incorrect"
    """[S1]: replaced by an observed instruction of another task."""
    NEGATED = "negated"
    """[S1]: asks for the opposite. The labels stay the same, so a model that follows the
    instruction loses accuracy."""
    DESIGNER = "task designer"
    """[S1]: replaced by the task's description."""
    COLLECTED = "newly collected"
    """[S1]: replaced by an unobserved instruction that somebody else wrote for the task."""
    NONSENSICAL = "nonsensical"
    """[S1]: its words are replaced by random words; the layout stays."""
    SIMPLIFIED = "simplified"
    """[S2]: only the answer options are left of the definition."""
    EMPTY = "empty"
    """[S2]: neither definition nor answer options, only the input."""
    DELUSIVE = "delusive examples"
    """[S2]: preceded by worked examples with wrong answers."""
    CORRECT = "correct examples"
    """[S2]: preceded by the same worked examples with right answers."""


PAPERS = {
    kind: "" if kind is Kind.GIVEN else "S2" if kind in (
        Kind.SIMPLIFIED, Kind.EMPTY, Kind.DELUSIVE, Kind.CORRECT
    ) else "S1"
    for kind in Kind
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alteration:
    """An altered instruction and how it was altered."""

    kind: Kind
    instruction: Instruction


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What alterations are made from, besides the instruction itself."""

    task: Task
    observed: Sequence[Instruction]
    """Observed instructions of all tasks."""
    collected: Sequence[Instruction]
    """Unobserved valid instructions of all tasks."""
    closest: Instruction | None
    """The nearest observed instruction; None where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """All alterations of one instruction."""

    alterations: tuple[Alteration, ...]
    absent: dict[Kind, str]
    """Kind that could not be made -> why."""


def _altered(given: Instruction, kind: Kind, text: str, option_format: str) -> Instruction:
    return replace(
        given, text=text, collection=COLLECTION, observed=False, option_format=option_format,
        source=str(kind), id="",
    )


def _fits(instruction: Instruction, task: Task) -> bool:
    return set(prompts.placeholders(instruction.text)) <= {*task.fields, "options"}


def _for_task(instruction: Instruction, task: Task) -> Instruction:
    """Another task's instruction made into one for this task's inputs and options."""
    if instruction.task in (task.id, None):
        return instruction
    # The label words of another task belong to other options.
    return replace(
        instruction, task=task.id, task_type=task.task_type, label_words={}, observed=False, id=""
    )


def _options(task: Task) -> tuple[str, ...]:
    return task.options or (task.examples[0].options if task.examples else ())


def _incorrect(given: Instruction, made_of: Material, rng: random.Random) -> Instruction:
    task = made_of.task
    others = [
        i for i in made_of.observed if i.task not in (task.id, None) and _fits(i, task)
    ]
    if not others:
        raise InputError("no observed instruction of another task fits the task's inputs")
    # The task should be wrong, not the answers: instructions with label words of their own come
    # last.
    preferences: list[Callable[[Instruction], bool]] = [
        lambda i: not i.label_words and "options" in prompts.placeholders(i.text),
        lambda i: not label_conflicts.find(_for_task(i, task), _options(task)),
        lambda i: i.task_type == task.task_type,
    ]
    for wanted in preferences:
        others = [i for i in others if wanted(i)] or others
    return _for_task(rng.choice(others), task)


def _collected(given: Instruction, made_of: Material, rng: random.Random) -> Instruction:
    task = made_of.task
    others = [
        i for i in for_task(made_of.collected, task.id, task.task_type)
        if i.text != given.text and _fits(i, task)
    ]
    if not others:
        raise InputError("nobody collected another instruction for the task")
    return rng.choice(others)


def _closest(given: Instruction, made_of: Material, rng: random.Random) -> Instruction:
    if made_of.closest is None or not _fits(made_of.closest, made_of.task):
        raise InputError("no observed instruction that fits the task's inputs is known")
    return _for_task(made_of.closest, made_of.task)


def _negated(given: Instruction, made_of: Material, rng: random.Random) -> Instruction:
    return _altered(given, Kind.NEGATED, negate(given.text), given.option_format)


def _designer(given: Instruction, made_of: Material, rng: random.Random) -> Instruction:
    task = made_of.task
    return Instruction(
        text=task.description, collection=COLLECTION, task_type=task.task_type, task=task.id,
        option_format=prompts.DEFAULT_OPTION_FORMAT, source=str(Kind.DESIGNER),
    )


def _nonsensical(given: Instruction, made_of: Material, rng: random.Random) -> Instruction:
    words = words_of(given, _options(made_of.task))
    known = {
        word
        for i in made_of.observed
        if i.task != made_of.task.id
        for word in _PLAIN.findall(re.sub(prompts.PLACEHOLDER, " ", i.text))
        if not any(readable(word, label) for label in words)
    }
    if not known:
        raise InputError("there are no other instructions to draw words from")
    pool = sorted(known)

    def draw(match: re.Match[str]) -> str:
        return match[0] if match[0].startswith("{") else rng.choice(pool)

    return _altered(given, Kind.NONSENSICAL, _WORD.sub(draw, given.text), given.option_format)


def _simplified(given: Instruction, made_of: Material, rng: random.Random) -> Instruction:
    style = given.option_format or prompts.DEFAULT_OPTION_FORMAT
    text = prompts.compose("", made_of.task.fields, listed=True).strip()
    return _altered(given, Kind.SIMPLIFIED, text, style)


def _empty(given: Instruction, made_of: Material, rng: random.Random) -> Instruction:
    text = prompts.compose("", made_of.task.fields, listed=False).strip()
    return _altered(given, Kind.EMPTY, text, "")


def _examples(given: Instruction, task: Task, rng: random.Random) -> list[Example]:
    """Worked examples with different answers, never from the test inputs."""
    known = [
        e for e in (*task.split("train"), *task.split("dev"))
        # Braces in an input would be taken for a placeholder of the template.
        if e.answer is not None and not any(prompts.placeholders(v) for v in e.fields.values())
    ]
    chosen: list[Example] = []
    rng.shuffle(known)
    for example in known:
        if len(chosen) < EXAMPLES and example.answer not in [c.answer for c in chosen]:
            chosen.append(example)
    if len(chosen) < EXAMPLES:
        raise InputError("the task has no labelled development inputs to make examples of")
    return chosen


def _with_examples(
    kind: Kind,
) -> Callable[[Instruction, Material, random.Random], Instruction]:
    def make(given: Instruction, made_of: Material, rng: random.Random) -> Instruction:
        blocks = []
        for example in _examples(given, made_of.task, rng):
            wrong = [o for o in example.options if o != example.answer]
            shown = rng.choice(wrong)
            if kind is Kind.CORRECT:
                shown = str(example.answer)
            prompt = prompts.fill(given, example)
            blocks.append(f"{prompt.text} {prompt.options[example.options.index(shown)]}")
        template = prompts.template_of(given, made_of.task.fields)
        return _altered(given, kind, "\n\n".join([*blocks, template]), given.option_format)

    return make


_MAKERS: dict[Kind, Callable[[Instruction, Material, random.Random], Instruction]] = {
    Kind.GIVEN: lambda given, made_of, rng: given,
    Kind.CLOSEST: _closest,
    Kind.INCORRECT: _incorrect,
    Kind.NEGATED: _negated,
    Kind.DESIGNER: _designer,
    Kind.COLLECTED: _collected,
    Kind.NONSENSICAL: _nonsensical,
    Kind.SIMPLIFIED: _simplified,
    Kind.EMPTY: _empty,
    Kind.DELUSIVE: _with_examples(Kind.DELUSIVE),
    Kind.CORRECT: _with_examples(Kind.CORRECT),
}


def alter(kind: Kind, given: Instruction, made_of: Material, *, seed: int) -> Instruction:
    """Makes one alteration of an instruction; arguments as for `make`.

    Raises:
        InputError: The material is not enough to make it.
    """
    drawn = Kind.CORRECT if kind is Kind.DELUSIVE else kind
    return _MAKERS[kind](given, made_of, random.Random(f"{seed}-{drawn}-{given.id}"))


def make(given: Instruction, made_of: Material, *, seed: int) -> Suite:
    """Makes all alterations of an instruction; equal arguments give equal results.

    Args:
        given: The correct instruction.
        made_of: The task and other instructions.
        seed: Seed of all random choices; delusive and correct examples use the same inputs.

    Raises:
        InputError: The instruction has a placeholder for which the task has no field.
    """
    strange = set(prompts.placeholders(given.text)) - {*made_of.task.fields, "options"}
    if strange:
        raise InputError(
            f"the instruction has the placeholder {{{min(strange)}}}, the task "
            f"{made_of.task.id} has {', '.join('{' + f + '}' for f in made_of.task.fields)}"
        )
    found, absent = [], {}
    for kind in _MAKERS:
        try:
            altered = alter(kind, given, made_of, seed=seed)
        except InputError as error:
            absent[kind] = str(error)
        else:
            found.append(Alteration(kind=kind, instruction=altered))
    return Suite(alterations=tuple(found), absent=absent)
