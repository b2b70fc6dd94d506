"""Evaluates a model under instructions on examples: answers, correctness and accuracy.

Does not compare accuracies; see `robustness.evaluation`.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from robustness.data import answers, prompts
from robustness.errors import CancelledError, InputError
from robustness.models.engine import Engine
from robustness.stats.intervals import BoolArray
from robustness.types import (
    EvalRecord,
    Example,
    GenerationSettings,
    Instruction,
    Prompt,
    Reading,
)

CHUNK = 64
"""Prompts between two calls of `on_progress` and `should_stop`."""
GENERATED = GenerationSettings(max_tokens=24)
"""Settings for free answers: greedy, since the answer is in the first line."""

Progress = Callable[[int, int], None]
ShouldStop = Callable[[], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """The reading of one instruction on one example."""

    instruction: Instruction
    example: Example
    reading: Reading

    @property
    def answer(self) -> str:
        """The canonical option with the highest log-probability."""
        return self.example.options[int(np.argmax(self.reading.option_logprobs))]


def read_prompts(
    engine: Engine,
    model: str,
    prompts: Sequence[Prompt],
    *,
    chunk: int = CHUNK,
    on_progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> Iterator[Reading]:
    """Yields the model's readings of prompts, in their order; the engine gets them in chunks.

    Args:
        engine: Runs the model.
        model: A served model id.
        prompts: The prompts.
        chunk: Number of prompts in one call of the engine.
        on_progress: Called with (done, total) after each chunk.
        should_stop: Called before each chunk; True cancels.

    Raises:
        CancelledError: `should_stop` returned True.
        InputError, NotFoundError, EngineError: See `Engine.read`.
    """
    for start in range(0, len(prompts), chunk):
        if should_stop is not None and should_stop():
            raise CancelledError(f"stopped after {start} of {len(prompts)} prompts")
        part = prompts[start : start + chunk]
        yield from engine.read(model, part)
        if on_progress is not None:
            on_progress(start + len(part), len(prompts))


def read_cells(
    engine: Engine,
    model: str,
    pairs: Sequence[tuple[Instruction, Example]],
    *,
    on_progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> Iterator[Cell]:
    """Yields the model's readings of (instruction, example) pairs, in their order.

    Args:
        engine: Runs the model.
        model: A served model id.
        pairs: The pairs.
        on_progress: Called with (done, total) after each chunk.
        should_stop: Called before each chunk; True cancels.

    Raises:
        CancelledError: `should_stop` returned True.
        InputError, NotFoundError, EngineError: See `Engine.read` and `prompts.fill`.
    """
    for start in range(0, len(pairs), CHUNK):
        if should_stop is not None and should_stop():
            raise CancelledError(f"stopped after {start} of {len(pairs)} prompts")
        part = pairs[start : start + CHUNK]
        readings = engine.read(model, [prompts.fill(i, e) for i, e in part])
        for (instruction, example), reading in zip(part, readings, strict=True):
            yield Cell(instruction=instruction, example=example, reading=reading)
        if on_progress is not None:
            on_progress(start + len(part), len(pairs))


def evaluate(
    engine: Engine,
    model: str,
    instructions: Sequence[Instruction],
    examples: Sequence[Example],
    *,
    on_progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> list[EvalRecord]:
    """Records of every instruction on every example, ordered by instruction.

    Raises: As `read_cells`.
    """
    pairs = [(i, e) for i in instructions for e in examples]
    cells = read_cells(engine, model, pairs, on_progress=on_progress, should_stop=should_stop)
    return [record(model, cell) for cell in cells]


def generate(
    engine: Engine, model: str, prompt: str, settings: GenerationSettings = GENERATED
) -> str:
    """The model's generated answer to a prompt as a user's message.

    Raises:
        InputError, NotFoundError, EngineError: See `Engine.stream`.
    """

    async def written() -> str:
        asked = engine.chat_prompt(model, [{"role": "user", "content": prompt}])
        return "".join([chunk.text async for chunk in engine.stream(model, asked, settings)])

    return asyncio.run(written())


def free_answer(
    engine: Engine, model: str, instruction: Instruction, example: Example
) -> str | None:
    """The option in a model's generated answer; None: unparsed, which counts as wrong.

    Raises:
        InputError, NotFoundError, EngineError: See `prompts.fill` and `Engine.stream`.
    """
    prompt = prompts.fill(instruction, example)
    text = generate(engine, model, prompt.text)
    return answers.parse(text, example.options, prompt.options)


def record(model: str, cell: Cell) -> EvalRecord:
    """The record of a reading: the answer, and whether it is correct if the example is labelled."""
    example = cell.example
    return EvalRecord(
        model=model,
        task=example.task,
        instruction_id=cell.instruction.id,
        example_id=example.id,
        answer=cell.answer,
        correct=None if example.answer is None else cell.answer == example.answer,
    )


def correctness(records: Sequence[EvalRecord]) -> BoolArray:
    """(N,) bool: whether the labelled records are correct, in order."""
    return np.array([r.correct for r in records if r.correct is not None], dtype=np.bool_)


def answered(
    engine: Engine, model: str, instructions: Sequence[Instruction], examples: Sequence[Example]
) -> BoolArray:
    """(I, N) bool: whether each of N labelled inputs is answered correctly by I instructions.

    Raises: As `read_cells`.
    """
    records = evaluate(engine, model, instructions, examples)
    return correctness(records).reshape(len(instructions), -1)


def accuracy(records: Sequence[EvalRecord]) -> float:
    """Share of correct answers in [0, 1] among the labelled records.

    Raises:
        InputError: No record is labelled.
    """
    correct = correctness(records)
    if not correct.size:
        raise InputError("the accuracy of no labelled answers is undefined; give labelled inputs")
    return float(correct.mean())
