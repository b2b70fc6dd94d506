"""The values that pass between stages, as frozen dataclasses.

Refuses to know how they are made, shown or stored. Ids are content hashes, so that a rerun joins
with what an earlier run wrote.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


def content_id(*parts: object) -> str:
    """Hash of the parts' JSON, 16 hexadecimal digits: equal content has equal ids."""
    text = json.dumps(parts, ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class TaskType(StrEnum):
    """Task types of the paper [S1]."""

    QA = "QA"
    """Question answering among options."""
    MC = "MC"
    """Multi-class classification."""
    BC = "BC"
    """Binary classification."""


class Tier(StrEnum):
    """What a predicted degradation stands on, weakest evidence first."""

    DISTANCE = "distance"
    PROBES = "probes"
    LABELLED = "labelled"
    MEASURED = "measured"


class TaskSource(StrEnum):
    """Where the inputs behind a prediction come from; each is calibrated apart."""

    GIVEN = "given"
    """The user named a task."""
    INPUTS = "inputs"
    """The user brought inputs of their own."""
    INFERRED = "inferred"
    """Neither: the nearest observed instruction's task is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One input of a task, with its options and, where known, its answer."""

    task: str
    fields: Mapping[str, str]
    """Field name -> text, e.g. `{"text": "..."}` or `{"story": "...", "name": "Anna"}`."""
    options: tuple[str, ...]
    """The answer space, canonical texts (label words belong to the instruction)."""
    answer: str | None = None
    """One of `options`, or None when unlabelled."""
    split: str = "test"
    """`train`, `dev` or `test`."""
    id: str = ""

    def __post_init__(self) -> None:
        if not self.id:
            object.__setattr__(
                self, "id", content_id("example", self.task, dict(self.fields), self.options)
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One phrasing of a task."""

    text: str
    """A template with `{field}` placeholders and optionally `{options}`; without any placeholder it
    is an instruction alone and `prompts.compose` lays the input out below it."""
    collection: str
    task_type: TaskType
    task: str | None = None
    """The task that the phrasing is for; None: every task of its type."""
    observed: bool = False
    label_words: Mapping[str, str] = field(default_factory=dict)
    """Canonical option -> the word this phrasing asks for; absent options stand for themselves."""
    option_format: str = ""
    """How `{options}` is written: see `prompts.OPTION_FORMATS`; empty means no list."""
    source: str = ""
    """Who wrote it or where it was taken from."""
    id: str = ""

    def __post_init__(self) -> None:
        if not self.id:
            object.__setattr__(
                self,
                "id",
                content_id(
                    "instruction", self.text, self.task_type, self.task, dict(self.label_words),
                    self.option_format,
                ),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a model reads, and the option texts that are scored after it."""

    instruction_id: str
    example_id: str
    text: str
    options: tuple[str, ...]
    """Label words in the order of the example's canonical options."""
    id: str = ""

    def __post_init__(self) -> None:
        if not self.id:
            object.__setattr__(self, "id", content_id("prompt", self.text, self.options))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one forward pass over one prompt gives."""

    prompt_id: str
    option_logprobs: FloatArray
    """(C,) float32, nats: log P(option tokens, end of text | prompt), teacher-forced."""
    representation: FloatArray
    """(D,) float32: see `RepresentationSpec`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLogprob:
    """One generated token with its alternatives."""

    token: str
    logprob: float
    """Nats."""
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionChunk:
    """A piece of generated text as it arrives."""

    text: str
    logprobs: tuple[TokenLogprob, ...] = ()
    finish_reason: str | None = None
    """`stop`, `length` or None while generation goes on."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    """Tokens so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationSettings:
    """How text is sampled."""

    max_tokens: int = 32
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()
    seed: int | None = None
    logprobs: int | None = None
    """Number of alternatives a token; None: no log-probabilities."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepresentationSpec:
    """Identity of a representation space; an index and its queries must carry equal ones."""

    model: str
    revision: str
    """Hash of the weights, or the hub's commit."""
    prefix: str | None
    """Name and hash of the soft prefix, None for the original model."""
    layer: int = -2
    """Index into transformers' `hidden_states`; -2 is the penultimate (PAPER: Words)."""
    position: str = "first_decoded"
    prompt_format: str = "none"
    """What stands around a prompt: see `formats.Format.name`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """Nearest observed instructions of N queries, nearest first."""

    ids: tuple[tuple[str, ...], ...]
    """(N, K) instruction ids."""
    distances: FloatArray
    """(N, K) float32, L2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """The instruction asks for answers that the scorer does not read."""

    asked: tuple[str, ...]
    read: tuple[str, ...]
    message: str
    """Plain words, naming both."""
    suggestion: str | None = None
    """The instruction rewritten with the right labels, where that can be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """One observed neighbour as people read it."""

    instruction_id: str
    text: str
    collection: str
    task: str | None
    distance: float
    percentile: float
    """Share (0 to 100) of leave-one-out distances among the observed that are smaller."""
    accuracy: float | None
    """Measured accuracy of the neighbour in points, None where not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Predicted degradation of one instruction; in points (0 to 100), positive is worse."""

    instruction_id: str
    task: str
    task_source: TaskSource
    degradation: float | None
    """None when the predictor abstains or the backbone has no calibration."""
    low: float | None
    high: float | None
    coverage: float
    """Nominal coverage of [low, high], e.g. 0.9."""
    tier: Tier
    in_support: bool
    """False beyond the calibrated range of distances: then there is no number."""
    nearest: tuple[Nearest, ...]
    conflicts: tuple[Conflict, ...]
    basis: str
    """One sentence: what the number stands on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalRecord:
    """One answer of one model."""

    model: str
    task: str
    instruction_id: str
    example_id: str
    answer: str | None
    """Canonical option, None when unparsed."""
    correct: bool | None
    """None when the example is unlabelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """How a saved thing came to be."""

    schema: int
    command: str
    project_version: str
    commit: str
    dirty: bool
    versions: Mapping[str, str]
    seed: int | None
    created: str
    """UTC, ISO 8601."""
    seconds: float | None = None
    hardware: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAnswer:
    """What one model answers to one prompt."""

    model: str
    option: str
    """The canonical option with the highest log-probability."""
    option_probabilities: tuple[float, ...]
    """Softmax of the option log-probabilities, in the order of the canonical options."""
    label_words: tuple[str, ...]
    """What was read for each option."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The same prompt on several models."""

    instruction_id: str
    task: str
    prompt: str
    """The exact text."""
    options: tuple[str, ...]
    """Canonical."""
    answers: tuple[ModelAnswer, ...]
    agree: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """Accuracy of one instruction on labelled inputs; everything in points (0 to 100)."""

    instruction_id: str
    task: str
    model: str
    n: int
    """Labelled inputs."""
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    """Wilson, 95% unless asked for otherwise."""
    observed_accuracy: float | None
    """Mean over the task's observed instructions on the same inputs; None: none was measured."""
    degradation: float | None
    """Observed accuracy minus accuracy; positive is worse."""
    low: float | None
    high: float | None
    """95% unless asked for otherwise, from resampling observed instructions and inputs together."""
