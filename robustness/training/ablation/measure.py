"""Measures a model's answers and representations under each set of instructions."""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from robustness.data.tasks import Task
from robustness.errors import CorruptFileError, InputError
from robustness.index import representations
from robustness.models import evaluator
from robustness.models.engine import Engine
from robustness.models.evaluator import Progress
from robustness.stats.intervals import BoolArray
from robustness.storage import files
from robustness.types import Example, FloatArray, Instruction


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """Answers and representations of one task under one set of I instructions."""

    correct: BoolArray
    """(I, N) bool: whether the chosen option is right."""
    means: FloatArray
    """(I, D) float32: representations, mean over the N inputs."""
    free: BoolArray
    """(I, M) bool: whether the generated answer is right, on the first M <= N inputs."""


_ARRAYS = tuple(f.name for f in fields(Part))
Measured = Mapping[str, Part]
"""Task -> its answers and representations."""


def measure(
    engine: Engine,
    model: str,
    instructions: Sequence[Instruction],
    tasks: Sequence[Task],
    inputs: int,
    free: int = 0,
    *,
    on_progress: Progress | None = None,
) -> Measured:
    """Runs all instructions of a set on the labelled inputs of their tasks.

    Args:
        engine: Runs the model.
        model: Id of a model that the engine serves.
        instructions: One set of instructions; those of other tasks are ignored.
        tasks: Tasks with labelled inputs.
        inputs: Largest number of inputs per task.
        free: Number of these inputs for which answers are also generated.
        on_progress: Called with (tasks done, number of tasks).

    Raises:
        InputError: No task has an instruction and labelled inputs.
        NotFoundError, EngineError: See `Engine.read`.
    """
    found: dict[str, Part] = {}
    for number, task in enumerate(tasks, start=1):
        examples = task.labelled[:inputs]
        own = [i for i in instructions if i.task == task.id]
        if own and examples:
            read = representations.read_on(engine, model, own, examples)
            gold = [e.options.index(str(e.answer)) for e in examples]
            answers = np.nanargmax(read.option_logprobs, axis=2)
            found[task.id] = Part(
                correct=answers == np.array(gold), means=read.mean(),
                free=_said(engine, model, own, examples[:free]),
            )
        if on_progress is not None:
            on_progress(number, len(tasks))
    if not found:
        raise InputError("no task has labelled inputs and an instruction of every set")
    return found


def _said(
    engine: Engine, model: str, instructions: Sequence[Instruction], examples: Sequence[Example]
) -> BoolArray:
    right = [
        [evaluator.free_answer(engine, model, i, e) == e.answer for e in examples]
        for i in instructions
    ]
    return np.array(right, dtype=np.bool_).reshape(len(instructions), len(examples))


def save(measured: Measured, path: Path) -> None:
    """Writes measurements as a compressed numpy file, atomically."""
    arrays = {
        f"{array}/{name}": getattr(part, array)
        for array in _ARRAYS for name, part in measured.items()
    }
    with files.atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def load(path: Path) -> Measured:
    """Reads a file that `save` wrote.

    Raises:
        CorruptFileError: The file is malformed.
    """
    try:
        with np.load(path) as saved:
            names = [key.removeprefix("correct/") for key in saved if key.startswith("correct/")]
            return {
                name: Part(**{array: saved[f"{array}/{name}"] for array in _ARRAYS})
                for name in names
            }
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise CorruptFileError(
            f"{path} cannot be read ({error}); remove it to measure it again"
        ) from error


def distance(unobserved: Measured, observed: Measured) -> float:
    """L2 distance to the nearest observed instruction, mean over instructions, then over tasks.

    Raises:
        InputError: A task has no observed instruction.
    """
    missing = sorted(set(unobserved) - set(observed))
    if missing:
        raise InputError(f"there is no observed instruction for {', '.join(missing)}")
    nearest = []
    for name, part in unobserved.items():
        apart = part.means[:, None].astype(np.float64) - observed[name].means[None]
        nearest.append(np.sqrt((apart**2).sum(axis=2)).min(axis=1).mean())
    return float(np.mean(nearest))
