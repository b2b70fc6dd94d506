"""Runs the prompts of a plan in chunks and keeps each chunk's results, so that a run can resume.

A prompt that fails does not affect the others. Does not decide whether answers are right; see
`cells`.
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from robustness.errors import CancelledError, InputError
from robustness.evaluation.study.plan import Part, Plan
from robustness.models import evaluator
from robustness.models.engine import Engine, ModelInfo
from robustness.models.evaluator import ShouldStop
from robustness.storage.result_cache import Journal
from robustness.types import FloatArray, Instruction, Prompt, content_id

JOURNAL = "journal.jsonl"
CHUNK = 64
"""Number of prompts per chunk: the most that are repeated after an interruption."""

Report = Callable[[str, int, int], None]
"""Progress callback: (what, done, total)."""


@dataclass(slots=True, kw_only=True)
class InstructionReadings:
    """Scores, texts and representation of one instruction on a part's N inputs."""

    scores: list[FloatArray | None]
    """N arrays (W,) float32, nats, in the order of `Part.words`; None where the prompt failed."""
    texts: list[str | None]
    """N generated answers; empty where none were generated."""
    vector: FloatArray | None
    """(D,) float32: mean representation over the inputs that did not fail; zero-shot only."""
    faults: dict[int, str] = field(default_factory=dict)
    """Index of an input that failed -> why."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """The results of one model on one part of the plan."""

    model: str
    part: Part
    rows: tuple[InstructionReadings, ...]
    """In the order of `part.instructions`."""
    per_byte: bool = False
    """Whether the scores are log-probabilities per byte of the option."""


class Run:
    """A plan on an engine, with the results kept so far."""

    def __init__(self, engine: Engine, plan: Plan, folder: Path) -> None:
        """Opens the kept results in the folder.

        Args:
            engine: Serves the original model first.
            plan: The plan.
            folder: Folder of the results.
        """
        self._engine = engine
        self._plan = plan
        self._journal = Journal(folder / JOURNAL, resume=True)
        self.models: tuple[ModelInfo, ...] = tuple(engine.models())

    @property
    def total(self) -> int:
        """Number of prompts in the plan, for all models."""
        return self._plan.calls(len(self.models))

    def known(self) -> int:
        """Number of prompts whose results are kept."""
        return sum(
            len(part)
            for model in self.models
            for p in self._plan.parts
            for i in p.instructions
            for part in _chunks(list(p.prompts(i)))
            for generated in self._kinds()
            if self._journal.get(_key(model, part, generated)) is not None
        )

    def read(
        self, *, report: Report | None = None, should_stop: ShouldStop | None = None
    ) -> list[Block]:
        """Runs the prompts whose results are not kept yet.

        Args:
            report: Called with (what, done, total) after each instruction.
            should_stop: Called before each chunk of prompts; True cancels.

        Raises:
            CancelledError: `should_stop` returned True; the same call resumes.
            EngineError: The engine cannot answer at present; the same call resumes.
        """
        blocks, done = [], 0
        for model in self.models:
            for part in self._plan.parts:
                rows = []
                for instruction in part.instructions:
                    if should_stop is not None and should_stop():
                        raise CancelledError(
                            f"stopped after {done} of {self.total} prompts; run the same command "
                            "to resume"
                        )
                    rows.append(self._row(model, part, instruction, should_stop))
                    done += len(part.examples) * len(self._kinds())
                    if report is not None:
                        what = f"{model.id}, {part.task.id}, {part.condition.label}"
                        report(what, done, self.total)
                blocks.append(
                    Block(
                        model=model.id, part=part, rows=tuple(rows), per_byte=model.spec.per_byte
                    )
                )
        return blocks

    def _kinds(self) -> tuple[bool, ...]:
        return (False, True) if self._plan.recipe.free else (False,)

    def _row(
        self, model: ModelInfo, part: Part, instruction: Instruction,
        should_stop: ShouldStop | None,
    ) -> InstructionReadings:
        row = InstructionReadings(scores=[], texts=[], vector=None)
        total: Any = 0.0
        count = 0
        for chunk in _chunks(list(part.prompts(instruction))):
            made = self._kept(model, chunk, False, should_stop)
            start = len(row.scores)
            row.faults |= {start + int(n): why for n, why in made["faults"].items()}
            row.scores += [
                None if s is None else np.asarray(s, dtype=np.float32) for s in made["scores"]
            ]
            mean = np.frombuffer(base64.b64decode(made["mean"]), dtype="<f4").astype(np.float64)
            read = sum(s is not None for s in made["scores"])
            if read:
                total, count = total + mean * read, count + read
            if self._plan.recipe.free:
                written = self._kept(model, chunk, True, should_stop)
                row.faults |= {start + int(n): why for n, why in written["faults"].items()}
                row.texts += written["texts"]
        if count and not part.condition.shots:
            row.vector = np.asarray(total / count, dtype=np.float32)
        return row

    def _kept(
        self, model: ModelInfo, chunk: Sequence[Prompt], generated: bool,
        should_stop: ShouldStop | None,
    ) -> dict[str, Any]:
        key = _key(model, chunk, generated)
        known = self._journal.get(key)
        if known is None:
            if should_stop is not None and should_stop():
                raise CancelledError("stopped; run the same command to resume")
            known = (self._write if generated else self._ask)(model.id, chunk)
            self._journal.keep(key, known)
        return dict(known)

    def _ask(self, model: str, chunk: Sequence[Prompt]) -> dict[str, Any]:
        faults: dict[str, str] = {}
        try:
            readings = list(enumerate(self._engine.read(model, chunk)))
        except InputError as error:
            if len(chunk) == 1:
                readings, faults = [], {"0": str(error)}
            else:
                # One prompt of the chunk is invalid (too long, for example): run them one by one.
                readings = []
                for n, prompt in enumerate(chunk):
                    try:
                        readings.append((n, self._engine.read(model, [prompt])[0]))
                    except InputError as fault:
                        faults[str(n)] = str(fault)
        scores: list[list[float] | None] = [None] * len(chunk)
        for n, reading in readings:
            scores[n] = [round(float(s), 5) for s in reading.option_logprobs]
        vectors = [r.representation for _, r in readings]
        mean = np.mean(vectors, axis=0, dtype=np.float64) if vectors else np.empty(0)
        packed = base64.b64encode(mean.astype("<f4").tobytes()).decode()
        return {"scores": scores, "mean": packed, "faults": faults}

    def _write(self, model: str, chunk: Sequence[Prompt]) -> dict[str, Any]:
        texts: list[str | None] = []
        faults = {}
        for n, prompt in enumerate(chunk):
            try:
                texts.append(evaluator.generate(self._engine, model, prompt.text))
            except InputError as error:
                texts.append(None)
                faults[str(n)] = str(error)
        return {"texts": texts, "faults": faults}


def _chunks(prompts: Sequence[Prompt]) -> list[Sequence[Prompt]]:
    return [prompts[n : n + CHUNK] for n in range(0, len(prompts), CHUNK)]


def _key(model: ModelInfo, chunk: Sequence[Prompt], generated: bool) -> str:
    asked = evaluator.GENERATED if generated else None
    return content_id(str(model.spec), [p.id for p in chunk], str(asked))
