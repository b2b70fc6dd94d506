"""Evidence files: everything behind what is shown of one wording, and its check without a model.

A file holds the prompts, the model's readings of them, and what was computed from those. `replay`
runs the same functions on the readings in the file, and compares. Format: docs/file-formats.md.
"""

import hashlib
import json
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from pydantic import BaseModel, ValidationError

from robustness import paths, wording
from robustness.errors import (
    CorruptFileError,
    EngineError,
    MismatchError,
    NotFoundError,
    RobustnessError,
)
from robustness.models.engine import Engine, ModelInfo
from robustness.models.evaluator import ShouldStop
from robustness.storage import files, provenance, validation
from robustness.types import (
    CompletionChunk,
    Example,
    FloatArray,
    GenerationSettings,
    Prompt,
    Reading,
    RepresentationSpec,
)
from robustness.wording import Asked
from robustness.workbench import Workbench

SCHEMA = 1
KIND = "steadfast-evidence"
SEED = 0
"""Seed of all bootstrap intervals."""
_HASH = "sha256"
_TOLERANCE = 1e-6
_WITH_VECTORS = ("look", "rungs")
"""Parts that are computed from representations, too."""


class _Prediction(BaseModel):
    task: str
    task_source: str
    degradation: float | None
    low: float | None
    high: float | None


class _Look(BaseModel):
    prediction: _Prediction
    usual: float | None


class _Measured(BaseModel):
    model: str
    accuracy: float
    n: int


class _Shown(BaseModel):
    look: _Look
    measured: list[_Measured] = []


class _Input(BaseModel):
    task: str
    fields: dict[str, str]
    options: list[str]
    answer: str | None
    split: str | None


class _Asked(BaseModel):
    instruction: str
    task: str | None
    inputs: list[_Input]
    model: str | None
    aligned: str | None


class _Model(BaseModel):
    id: str
    spec: dict[str, Any]
    context: int


class _Reading(BaseModel):
    option_logprobs: list[float | None]
    representation: list[float | None]


class _Provenance(BaseModel):
    project_version: str
    created: str


class _Read(BaseModel):
    """What page and command read from the document of an evidence file."""

    asked: _Asked
    models: list[_Model]
    readings: dict[str, dict[str, _Reading]]
    provenance: _Provenance
    shown: _Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was checked in an evidence file."""

    what: str
    """`content`, or a part of `shown`: `look`, `rungs`, `answers`, `measured`."""
    ok: bool
    reason: str = ""
    """Why it does not hold, or why it could not be checked."""


def _short(values: FloatArray | tuple[()]) -> list[float]:
    """float32 values as the shortest numbers from which they can be read back exactly."""
    return [float(str(value)) for value in values]


class _Recorder:
    """An engine that keeps every reading that another engine makes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self.name = engine.name
        self.vectors = True
        """Whether the representations are kept as well, which only predictions need."""
        self.prompts: dict[str, Prompt] = {}
        self.readings: dict[str, dict[str, Any]] = {}

    def _row(self, reading: Reading) -> dict[str, Any]:
        vector = reading.representation if self.vectors else ()
        return {
            "option_logprobs": _short(reading.option_logprobs), "representation": _short(vector)
        }

    def models(self) -> list[ModelInfo]:
        return self._engine.models()

    def read(self, model: str, prompts: Sequence[Prompt]) -> list[Reading]:
        made = self._engine.read(model, prompts)
        with self._lock:
            self.prompts |= {p.id: p for p in prompts}
            known = self.readings.setdefault(model, {})
            for reading in made:
                if self.vectors or reading.prompt_id not in known:
                    known[reading.prompt_id] = self._row(reading)
        return made

    def represent(self, model: str, texts: Sequence[str]) -> list[FloatArray]:
        return self._engine.represent(model, texts)


class _Recorded:
    """An engine that answers from an evidence file, and from nothing else."""

    name = "recorded"

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._models = [
            ModelInfo(
                id=m["id"], spec=RepresentationSpec(**m["spec"]), context=int(m["context"])
            )
            for m in document["models"]
        ]
        self._readings = document["readings"]

    def models(self) -> list[ModelInfo]:
        return self._models

    def read(self, model: str, prompts: Sequence[Prompt]) -> list[Reading]:
        known = self._readings.get(model, {})
        made = []
        for prompt in prompts:
            # The id is a hash of the text and the options: another prompt is not found.
            if prompt.id not in known:
                raise EngineError(f"no reading of this prompt by {model} is in the file")
            row = known[prompt.id]
            made.append(
                Reading(
                    prompt_id=prompt.id,
                    option_logprobs=np.asarray(row["option_logprobs"], dtype=np.float32),
                    representation=np.asarray(row["representation"], dtype=np.float32),
                )
            )
        return made

    def represent(self, model: str, texts: Sequence[str]) -> list[FloatArray]:
        raise EngineError("the file has no representations of texts without a question")

    def stream(
        self, model: str, prompt: str, settings: GenerationSettings
    ) -> AsyncIterator[CompletionChunk]:
        raise EngineError("the file has no model that writes")

    def chat_prompt(self, model: str, messages: Sequence[Mapping[str, str]]) -> str:
        raise EngineError("the file has no model that chats")

    def count_tokens(self, model: str, texts: Sequence[str]) -> list[int]:
        raise EngineError("the file has no tokenizer")

    def check_prompts(self, model: str, prompts: Sequence[Prompt]) -> None:
        return None

    def close(self) -> None:
        return None


def record(
    workbench: Workbench, asked: Asked, *, indexes: Path = paths.INDEXES, measure: bool = True,
    should_stop: ShouldStop | None = None,
) -> dict[str, Any]:
    """Computes everything that is shown of a wording, and keeps what it is computed from.

    Args:
        workbench: The engine and its tasks.
        asked: The wording.
        indexes: The folder of the indexes.
        measure: Whether to measure it on all labelled questions, where it has a task.
        should_stop: Called between chunks of prompts; True cancels.

    Raises:
        As `wording.look`, `wording.answers` and `wording.measure`.
    """
    engine = _Recorder(workbench.engine)
    again = Workbench(cast("Engine", engine), indexes=indexes)
    parts = _parts(again, asked, should_stop)
    if not measure:
        parts = {name: parts[name] for name in parts if name in ("look", "answers")}
    shown = {}
    for name, compute in parts.items():
        engine.vectors = name in _WITH_VECTORS
        shown[name] = compute()
    models = asked.models(again)
    document = {
        "schema": SCHEMA, "kind": KIND, "seed": SEED,
        "provenance": provenance.collect(schema=SCHEMA, seed=SEED),
        "asked": asked, "engine": engine.name,
        "models": [
            {"id": m.id, "spec": m.spec, "context": m.context}
            for m in engine.models() if m.id in models
        ],
        "index": _digest(again, models[0]),
        "prompts": {i: {"text": p.text, "options": p.options} for i, p in engine.prompts.items()},
        "readings": engine.readings, "shown": shown,
    }
    plain: dict[str, Any] = files.plain(document)
    return plain | {_HASH: _hash(plain)}


def _digest(workbench: Workbench, model: str) -> str | None:
    try:
        return workbench.index(model).digest
    except RobustnessError:
        return None


def _parts(
    workbench: Workbench, asked: Asked, should_stop: ShouldStop | None = None
) -> dict[str, Callable[[], Any]]:
    """Name of each part of what is shown -> how it is computed."""
    parts: dict[str, Callable[[], Any]] = {"look": lambda: wording.look(workbench, asked)}
    if asked.task is not None:
        parts["rungs"] = lambda: list(wording.rungs(workbench, asked))
    if asked.task is not None or any(len(e.options) > 1 for e in asked.inputs):
        parts["answers"] = lambda: wording.answers(workbench, asked)
    if asked.task is not None:
        parts["measured"] = lambda: list(
            wording.measure(workbench, asked, should_stop=should_stop)
        )
    return parts


def _hash(document: Mapping[str, Any]) -> str:
    """SHA-256 of a document without its own hash."""
    kept = {k: v for k, v in document.items() if k != _HASH}
    text = json.dumps(kept, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def text_of(document: Mapping[str, Any]) -> str:
    """The text of an evidence file."""
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def parse(text: str) -> dict[str, Any]:
    """The document of an evidence file.

    Raises:
        CorruptFileError: It is not JSON, or no evidence.
        MismatchError: It has another schema number.
    """
    try:
        document = files.parse_json(text)
    except ValueError as error:
        raise CorruptFileError(f"the evidence file is not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise CorruptFileError(
            f"this is no evidence file: its `kind` is not {KIND!r}; save one with *Evidence*"
        )
    if document.get("schema") != SCHEMA:
        raise MismatchError(
            f"the evidence file has schema {document.get('schema')!r}, this version reads {SCHEMA}"
        )
    return document


def replay(
    text: str, *, indexes: Path = paths.INDEXES
) -> tuple[dict[str, Any], tuple[Check, ...]]:
    """Checks an evidence file without a model.

    Args:
        text: The file's text.
        indexes: The folder of the indexes, without which no prediction can be computed again.

    Returns:
        The document, and what was checked.

    Raises:
        CorruptFileError: It is no evidence file, or damaged beyond a check.
        MismatchError: It has another schema number.
    """
    document = parse(text)
    try:
        _Read.model_validate(document)
        same = document.get(_HASH) == _hash(document)
        reason = "" if same else "the file was changed"
        checks = [Check(what="content", ok=same, reason=reason), *_checked(document, indexes)]
    except ValidationError as error:
        raise CorruptFileError(
            f"the evidence file is damaged: {validation.first_fault(error)}"
        ) from error
    # Whatever a value of another kind or length causes where it is used.
    except (
        TypeError, ValueError, LookupError, AttributeError, ArithmeticError, AssertionError,
    ) as error:
        raise CorruptFileError(
            "the evidence file is damaged: a value in it is of another kind or length than it was "
            "saved with; save it again with *Evidence*"
        ) from error
    return document, tuple(checks)


def _asked(row: Mapping[str, Any]) -> Asked:
    inputs = tuple(
        Example(
            task=e["task"], fields=e["fields"], options=tuple(e["options"]), answer=e["answer"],
            split=e["split"],
        )
        for e in row["inputs"]
    )
    return Asked(
        instruction=row["instruction"], task=row["task"], inputs=inputs, model=row["model"],
        aligned=row["aligned"],
    )


def _checked(document: Mapping[str, Any], indexes: Path) -> list[Check]:
    """Computes what is shown again, part by part."""
    recorded = document["shown"]
    workbench = Workbench(cast("Engine", _Recorded(document)), indexes=indexes)
    asked = _asked(document["asked"])
    parts = _parts(workbench, asked)
    checks = []
    for name, compute in parts.items():
        if name not in recorded:
            continue
        try:
            found = files.plain(compute())
        except NotFoundError as error:
            checks.append(Check(what=name, ok=False, reason=f"it cannot be computed: {error}"))
        except RobustnessError as error:
            checks.append(Check(what=name, ok=False, reason=str(error)))
        else:
            same = _same(found, recorded[name])
            reason = "" if same else "computed again from the readings, it differs"
            checks.append(Check(what=name, ok=same, reason=reason))
    return checks


def _same(left: Any, right: Any) -> bool:
    """Whether what was computed equals what was recorded, numbers to one in a million.

    What a version after that of the record shows besides has nothing to be compared with.
    """
    if isinstance(left, float) or isinstance(right, float):
        numbers = isinstance(left, (int, float)) and isinstance(right, (int, float))
        return numbers and abs(left - right) <= _TOLERANCE * max(1.0, abs(left))
    if isinstance(left, dict) and isinstance(right, dict):
        return right.keys() <= left.keys() and all(_same(left[k], right[k]) for k in right)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return bool(left == right)
