"""Turns what a run collected into complete tables of answers, the same cells for every model.

Prompts that failed are not imputed: an instruction or input that fails is left out for all models,
and listed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from robustness.data import answers
from robustness.data.tasks import Task
from robustness.evaluation.study.plan import Part
from robustness.evaluation.study.run import Block, InstructionReadings
from robustness.evaluation.study.values import Condition, Left
from robustness.stats import sensitivity
from robustness.stats.intervals import BoolArray
from robustness.stats.sensitivity import UNPARSED, Codes
from robustness.types import Example, FloatArray, Instruction

Key = tuple[tuple[tuple[str, str], ...], frozenset[str]]
"""The fields and options of an input."""
Lengths = Mapping[str, int]
"""Label word -> its number of tokens, including the end of text."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """One model's answers on one task under one condition: I instructions by N inputs."""

    model: str
    task: Task
    """Without examples."""
    condition: Condition
    instructions: tuple[Instruction, ...]
    examples: tuple[Example, ...]
    chosen: Codes
    """(I, N) int64: index of the chosen option among the input's options."""
    correct: BoolArray
    """(I, N) bool: whether it is right."""
    scores: tuple[tuple[FloatArray, ...], ...]
    """I by N arrays (C,) float32: the options' scores, as `Reading.option_logprobs`."""
    correct_per_byte: BoolArray
    """(I, N) bool: whether the option with the highest log-probability per byte is right; as
    `acc_norm` of lm-evaluation-harness, by the bytes of the label words."""
    mass: FloatArray
    """(I, N) float32, in [0, 1]: probability of the options together, as answers of the model."""
    generated: Codes | None
    """(I, N) int64: index of the option that the generated text names, `UNPARSED` where it names
    none; None where no text was generated."""
    texts: tuple[tuple[str, ...], ...] | None
    """I by N generated texts."""
    vectors: FloatArray | None
    """(I, D) float32: representations; None where there are solved examples in the prompt."""
    cross: tuple[np.ndarray, np.ndarray] | None
    """Arguments of `sensitivity.posix`: (N, I, I) float64 nats and (N, I) int64."""

    def rows(self, members: Sequence[int]) -> BoolArray:
        """(M, N) bool: whether the answers of M instructions, given by position, are right."""
        return self.correct[list(members)]

    @property
    def generated_correct(self) -> BoolArray | None:
        """(I, N) bool: generated answers that are right (not if unparsed); None without any."""
        return None if self.generated is None else self.generated == _gold(self.examples)

    def answers(self, members: Sequence[int]) -> Codes:
        """(M, N) int64: answers of M instructions as codes, for `sensitivity.consistency`."""
        return self.chosen[list(members)]

    def posix(self, members: Sequence[int]) -> float | None:
        """POSIX over some instructions; None if not computed or for fewer than two."""
        if self.cross is None or len(members) < 2:
            return None
        picked = list(members)
        logprobs, lengths = self.cross
        return sensitivity.posix(logprobs[:, picked][:, :, picked], lengths[:, picked])


def same_input(example: Example) -> Key:
    """What an input has in common with itself under another order of its options."""
    return tuple(sorted(example.fields.items())), frozenset(example.options)


def _gold(examples: Sequence[Example]) -> Codes:
    return np.array([e.options.index(str(e.answer)) for e in examples], dtype=np.int64)


def complete(
    blocks: Sequence[Block], lengths: Mapping[str, Lengths]
) -> tuple[list[Cells], list[Left]]:
    """Makes complete tables, with the same instructions and inputs for all models of a part.

    Args:
        blocks: What every model returned.
        lengths: Model -> token counts of the label words; empty without POSIX.

    Returns:
        The tables, and what was left out: instructions that failed on more than half of the
        inputs, then inputs that failed under any of the other instructions.
    """
    made, left = [], []
    parts = list({id(b.part): b.part for b in blocks}.values())
    for part in parts:
        mine = [b for b in blocks if b.part is part]
        rows, inputs, out = _kept(part, mine)
        left += out
        if rows and inputs:
            made += [_cells(b, rows, inputs, lengths.get(b.model, {})) for b in mine]
    return made, left


def _kept(part: Part, blocks: Sequence[Block]) -> tuple[list[int], list[int], list[Left]]:
    bad = np.zeros((len(part.instructions), len(part.examples)), dtype=np.bool_)
    why: dict[tuple[int, int], str] = {}
    for block in blocks:
        for i, row in enumerate(block.rows):
            for n, reason in row.faults.items():
                bad[i, n] = True
                why.setdefault((i, n), reason)
    where = f"{part.task.id}, {part.condition.label}"
    rows = [i for i in range(len(bad)) if bad[i].mean() <= 0.5]
    left = [
        Left(
            what="instruction", name=f"{part.instructions[i].text!r} on {where}",
            reason=f"{int(bad[i].sum())} of {bad.shape[1]} inputs could not be read: "
            + next(reason for (k, _), reason in why.items() if k == i),
        )
        for i in range(len(bad)) if i not in rows
    ]
    inputs = [n for n in range(bad.shape[1]) if not bad[rows, n].any()]
    lost = [n for n in range(bad.shape[1]) if n not in inputs]
    if rows and lost:
        first = next(reason for (i, n), reason in why.items() if i in rows and n in lost)
        name = f"{len(lost)} of {bad.shape[1]} inputs of {where}"
        left.append(Left(what="input", name=name, reason=first))
    return rows, inputs, left


def _cells(
    block: Block, rows: Sequence[int], inputs: Sequence[int], lengths: Lengths
) -> Cells:
    part = block.part
    instructions = tuple(part.instructions[i] for i in rows)
    examples = tuple(part.examples[n] for n in inputs)
    read = [block.rows[i] for i in rows]
    scores = tuple(
        tuple(_score(row, n)[: len(e.options)] for n, e in zip(inputs, examples, strict=True))
        for row in read
    )
    chosen = np.array([[int(s.argmax()) for s in line] for line in scores], dtype=np.int64)
    generated, texts = _generated(instructions, examples, read, inputs, part)
    vectors = [row.vector for row in read if row.vector is not None]
    posix = bool(part.words_of) and bool(lengths) and len(rows) > 1
    sizes = _sizes(instructions, examples, part)
    return Cells(
        model=block.model, task=part.task.without_examples(), condition=part.condition,
        instructions=instructions, examples=examples, chosen=chosen,
        correct=chosen == _gold(examples), scores=scores,
        correct_per_byte=(chosen if block.per_byte else _per_byte(scores, sizes))
        == _gold(examples),
        mass=_mass(scores, sizes if block.per_byte else None),
        generated=generated, texts=texts,
        vectors=np.stack(vectors) if len(vectors) == len(rows) else None,
        cross=_cross(instructions, examples, read, inputs, block, chosen, lengths)
        if posix else None,
    )


def _sizes(
    instructions: Sequence[Instruction], examples: Sequence[Example], part: Part
) -> list[list[FloatArray]]:
    """I by N arrays (C,) float32: bytes of the options' label words."""
    return [
        [
            np.array(
                [max(1, len(word.encode())) for word in part.own_words(instruction, example)],
                dtype=np.float32,
            )
            for example in examples
        ]
        for instruction in instructions
    ]


def _per_byte(
    scores: Sequence[Sequence[FloatArray]], sizes: Sequence[Sequence[FloatArray]]
) -> Codes:
    """(I, N) int64: the options with the highest log-probability per byte of their label word."""
    return np.array(
        [
            [int((s / size).argmax()) for s, size in zip(line, own, strict=True)]
            for line, own in zip(scores, sizes, strict=True)
        ],
        dtype=np.int64,
    )


def _mass(
    scores: Sequence[Sequence[FloatArray]], sizes: Sequence[Sequence[FloatArray]] | None
) -> FloatArray:
    """(I, N) float32: see `Cells.mass`.

    Args:
        scores: The options' scores.
        sizes: What they were divided by; None: they are log-probabilities.
    """
    made = np.array(
        [
            # A sum in single precision may be above 1 by a little.
            [
                min(1.0, float(np.exp(s if sizes is None else s * sizes[i][n]).sum()))
                for n, s in enumerate(line)
            ]
            for i, line in enumerate(scores)
        ],
        dtype=np.float32,
    )
    return made


def _score(row: InstructionReadings, n: int) -> FloatArray:
    found = row.scores[n]
    if found is None:
        raise AssertionError("an input that was not read is left out before")
    return found


def _generated(
    instructions: Sequence[Instruction], examples: Sequence[Example],
    read: Sequence[InstructionReadings], inputs: Sequence[int], part: Part,
) -> tuple[Codes | None, tuple[tuple[str, ...], ...] | None]:
    """Codes and texts of generated answers; None where no text was generated."""
    if not read[0].texts:
        return None, None
    codes = np.full((len(instructions), len(examples)), UNPARSED, dtype=np.int64)
    texts = tuple(tuple(row.texts[n] or "" for n in inputs) for row in read)
    for i, instruction in enumerate(instructions):
        for n, example in enumerate(examples):
            words = part.own_words(instruction, example)
            option = answers.parse(texts[i][n], example.options, words)
            if option is not None:
                codes[i, n] = example.options.index(option)
    return codes, texts


def _cross(
    instructions: Sequence[Instruction], examples: Sequence[Example],
    read: Sequence[InstructionReadings], inputs: Sequence[int], block: Block, chosen: Codes,
    lengths: Lengths,
) -> tuple[np.ndarray, np.ndarray]:
    """Log-probability of each instruction's answer under every other: arguments of POSIX.

    Returns:
        (N, I, I) float64 nats, where [n, i, j] is the label word chosen under instruction j scored
        under instruction i, and (N, I) int64 token counts of these words.
    """
    count, part = len(instructions), block.part
    cross = np.empty((len(examples), count, count))
    tokens = np.empty((len(examples), count), dtype=np.int64)
    for n, (column, example) in enumerate(zip(inputs, examples, strict=True)):
        said = [
            part.own_words(instruction, example)[chosen[j, n]]
            for j, instruction in enumerate(instructions)
        ]
        tokens[n] = [lengths[word] for word in said]
        for i, (instruction, row) in enumerate(zip(instructions, read, strict=True)):
            score = _score(row, column)
            place: dict[str, int] = {}
            for position, word in enumerate(part.words(instruction, example)):
                place.setdefault(word, position)
            cross[n, i] = score[[place[word] for word in said]]
            if block.per_byte:
                cross[n, i] *= [max(1, len(word.encode())) for word in said]
    return cross, tokens
