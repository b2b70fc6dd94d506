"""Computes the representation of an instruction: its mean over a task's inputs, or without input.

The representation of a prompt is the penultimate layer's hidden state at the first decoded token;
that of an instruction on a task is the mean over the task's inputs (section 5 of [S1]). Does not
handle distances; see `neighbours`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from robustness.data import prompts
from robustness.errors import InputError, ModelNotFoundError
from robustness.models.engine import Engine, ModelInfo
from robustness.models.evaluator import Progress, ShouldStop, read_cells
from robustness.types import Example, FloatArray, Instruction, Reading

_PLACEHOLDER = re.compile(prompts.PLACEHOLDER)
_LABEL = re.compile(r"^\W*(?:(?:\w+\s*){1,3}:)?\W*$")
_CUE = re.compile(r"^\W*(?:\w+\s*){0,4}[:=>]*\W*$")


def model_info(engine: Engine, model: str) -> ModelInfo:
    """The engine's description of one of its models.

    Raises:
        ModelNotFoundError: The engine serves no model with that id.
    """
    for info in engine.models():
        if info.id == model:
            return info
    known = ", ".join(info.id for info in engine.models())
    raise ModelNotFoundError(f"no model {model!r}; there are {known}")


def fits(instruction: Instruction, fields: Iterable[str]) -> bool:
    """Whether inputs with these fields have every placeholder of an instruction's template."""
    return set(prompts.placeholders(instruction.text)) <= {*fields, "options"}


def bare(text: str) -> str:
    """The text of an instruction without its placeholders, labels of inputs and closing cue.

    Lines that only label an input ("Sentence: {text}", "Options:") are left out.
    """
    lines = []
    for line in text.strip().splitlines():
        rest = _PLACEHOLDER.sub("", line)
        if not (rest != line and _LABEL.match(rest)) and rest.strip():
            lines.append(" ".join(rest.split()))
    if len(lines) > 1 and _CUE.match(lines[-1]) and not lines[-1].endswith((".", "?", "!")):
        lines.pop()
    return "\n".join(lines) or " ".join(_PLACEHOLDER.sub("", text).split())


def alone_text(instruction: Instruction) -> str:
    """The `bare` text of an instruction, followed by the default cue.

    The representation is taken at the last token; the same cue for all instructions makes that
    token the same, so that a distance reflects the wording.
    """
    return f"{bare(instruction.text)}\n{prompts.DEFAULT_CUE}"


def alone(engine: Engine, model: str, instructions: Sequence[Instruction]) -> FloatArray:
    """Representations of instructions without any input, (I, D) float32.

    Raises:
        InputError, NotFoundError, EngineError: See `Engine.represent`.
    """
    vectors = engine.represent(model, [alone_text(i) for i in instructions])
    return np.stack(vectors).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """Representations and option log-probabilities of I instructions on the same N inputs."""

    each: FloatArray
    """(I, N, D) float32: representations."""
    option_logprobs: FloatArray
    """(I, N, C) float32, nats; NaN where an input has fewer options."""

    def mean(self, over: int | None = None) -> FloatArray:
        """(I, D) float32: representations averaged over the first `over` inputs; None: over all."""
        made: FloatArray = self.each[:, :over].mean(axis=1, dtype=np.float64).astype(np.float32)
        return made

    def then(self, more: "Readings") -> "Readings":
        """These readings followed by those of the same instructions on further inputs.

        Args:
            more: The further readings, with the same width C.
        """
        return Readings(
            np.concatenate([self.each, more.each], axis=1),
            np.concatenate([self.option_logprobs, more.option_logprobs], axis=1),
        )


def gathered(readings: Sequence[Reading]) -> Readings:
    """One instruction's readings, in the order of the inputs: I = 1."""
    return _shaped(readings, 1)


def _shaped(readings: Iterable[Reading], instructions: int) -> Readings:
    """Readings of I instructions on the same inputs, instruction by instruction."""
    vectors, scores = [], []
    for reading in readings:
        vectors.append(reading.representation)
        scores.append(reading.option_logprobs)
    width = max(map(len, scores))
    padded = np.full((len(scores), width), np.nan, dtype=np.float32)
    for row, found in enumerate(scores):
        padded[row, : len(found)] = found
    return Readings(
        np.stack(vectors).reshape(instructions, len(vectors) // instructions, -1),
        padded.reshape(instructions, len(scores) // instructions, width),
    )


def read_on(
    engine: Engine,
    model: str,
    instructions: Sequence[Instruction],
    examples: Sequence[Example],
    *,
    on_progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> Readings:
    """Runs I instructions on N inputs, one forward pass for each pair.

    Args:
        engine: Runs the model.
        model: Id of a model that the engine serves.
        instructions: The I instructions.
        examples: The N inputs.
        on_progress: Called with (prompts done, number of prompts).
        should_stop: Called between chunks of prompts; True cancels.

    Raises:
        InputError: There are no inputs, or a template does not fit them.
        CancelledError, NotFoundError, EngineError: See `evaluator.read_cells`.
    """
    if not examples:
        raise InputError("an instruction has no representation on no inputs; give at least one")
    pairs = [(i, e) for i in instructions for e in examples]
    cells = read_cells(engine, model, pairs, on_progress=on_progress, should_stop=should_stop)
    return _shaped((cell.reading for cell in cells), len(instructions))


def fields_of(instruction: Instruction) -> tuple[str, ...]:
    """The input fields that an instruction's template names."""
    return tuple(n for n in prompts.placeholders(instruction.text) if n != "options")


def shares_fields(instruction: Instruction, observed: Instruction) -> bool:
    """Whether two instructions can be for one task: the fields of one are among the other's."""
    mine, theirs = set(fields_of(instruction)), set(fields_of(observed))
    return not mine or not theirs or mine <= theirs or theirs <= mine
