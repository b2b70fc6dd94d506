"""Frozen dataclasses that pass between the stages: tasks' inputs, instructions, prompts, results.

Ids are hashes of the content, so that the results of a rerun match those that an earlier run wrote.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
PromptInput = str | tuple[int, ...]
"""A prompt for generation: its text, or token ids that are taken as they are."""


def content_id(*parts: object) -> str:
    """First 16 hexadecimal digits of the SHA-256 of the parts as JSON: equal content, equal id."""
    text = json.dumps(parts, ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class TaskType(StrEnum):
    """The three task types of Sun, Shaib and Wallace (2023), cited as [S1] throughout."""

    QA = "QA"
    """Multiple-choice question answering; the options change from input to input."""
    MC = "MC"
    """Multi-class classification."""
    BC = "BC"
    """Binary classification."""


class Tier(StrEnum):
    """The kind of evidence behind a predicted degradation, weakest first."""

    DISTANCE = "distance"
    """Only the distance to the nearest observed instruction."""
    PROBES = "probes"
    """The instruction was run on unlabelled inputs and its answers compared with those of the
    nearest observed instructions."""
    LABELLED = "labelled"
    """Its accuracy on a few labelled inputs, shrunk towards the estimate from unlabelled ones."""
    MEASURED = "measured"
    """Its accuracy was measured on all labelled inputs; nothing is predicted."""


class TaskSource(StrEnum):
    """Where a prediction's inputs come from; each source has its own calibration."""

    GIVEN = "given"
    """The user named a task."""
    INPUTS = "inputs"
    """The user gave inputs instead of naming a task."""
    INFERRED = "inferred"
    """Neither a task nor inputs were given: the nearest observed instruction's task is used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One input of a task with its answer options and, where it is labelled, the right answer."""

    task: str
    fields: Mapping[str, str]
    """Field name -> text, e.g. `{"text": "..."}` or `{"story": "...", "name": "Anna"}`."""
    options: tuple[str, ...]
    """The canonical texts of the answer options. The words that a prompt asks for in their place
    (label words) belong to the instruction."""
    answer: str | None = None
    """The right one of `options`; None where the input is unlabelled."""
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
    """One instruction: a phrasing of a task, with the way it writes options and answers."""

    text: str
    """A template with `{field}` placeholders and optionally `{options}`. A text without
    placeholders is an instruction alone; `prompts.compose` puts the input below it."""
    collection: str
    """Name of the instruction collection, e.g. `observed` or `unobserved-development`."""
    task_type: TaskType
    task: str | None = None
    """The task that it is a phrasing of; None: of every task of its type."""
    observed: bool = False
    """Whether the model was tuned on it (or the user has measured it and trusts it)."""
    label_words: Mapping[str, str] = field(default_factory=dict)
    """Canonical option -> the word that this instruction asks for; an option that is not a key is
    asked for by its own text."""
    option_format: str = ""
    """How `{options}` is written, a key of `prompts.OPTION_FORMATS`; empty: no list of options."""
    source: str = ""
    """Who wrote it, or where it was taken from."""
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
    """A filled prompt, and the option texts whose log-probability after it is scored."""

    instruction_id: str
    example_id: str
    text: str
    options: tuple[str, ...]
    """Label words, in the order of the example's canonical options."""
    id: str = ""

    def __post_init__(self) -> None:
        if not self.id:
            object.__setattr__(self, "id", content_id("prompt", self.text, self.options))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one forward pass over one prompt yields: option log-probabilities and representation."""

    prompt_id: str
    option_logprobs: FloatArray
    """(C,) float32, nats: log P(option's tokens and end of text | prompt), by teacher forcing;
    nats per byte of the option where the model's `RepresentationSpec.per_byte` says so."""
    representation: FloatArray
    """(D,) float32: see `RepresentationSpec`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLogprob:
    """One token, its log-probability and the most probable alternatives."""

    token: str
    logprob: float | None
    """Nats; None for the first token of a prompt, which nothing precedes."""
    top: tuple[tuple[str, float], ...] = ()
    """(token, log-probability in nats), most probable first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionChunk:
    """A piece of generated text as it is streamed."""

    text: str
    logprobs: tuple[TokenLogprob, ...] = ()
    finish_reason: str | None = None
    """`stop` or `length`; None while generation goes on."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    """Tokens generated so far."""
    echo: bool = False
    """Whether this is the prompt itself, in front of the generated text."""
    end: TokenLogprob | None = None
    """The token that ended the text, which is not in `text`, where log-probabilities are asked
    for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """What a generated text must be, to its last character."""

    kind: Literal["choice", "json", "regex", "grammar"]
    value: str | tuple[str, ...]
    """The texts to choose from; a JSON schema as JSON; a regular expression; a Lark grammar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationSettings:
    """Sampling settings of one completion, named as in OpenAI's API."""

    max_tokens: int = 32
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()
    seed: int | None = None
    logprobs: int | None = None
    """How many alternatives to return for each token; None: no log-probabilities at all."""
    constraint: Constraint | None = None
    extra: Mapping[str, object] = field(default_factory=dict)
    """Further settings by vLLM's names, which other engines refuse."""


PER_BYTE = ";per-byte"
"""End of `RepresentationSpec.prompt_format` where options are compared per byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepresentationSpec:
    """What identifies a representation space; an index and its queries must have equal specs."""

    model: str
    revision: str
    """Hash of the weights, or the commit on the hub."""
    prefix: str | None
    """Name and hash of the soft prefix (or other adapter); None for the original model."""
    layer: int = -2
    """Index into transformers' `hidden_states`; -2 is the penultimate layer, as in [S1]."""
    position: str = "first_decoded"
    """The last prompt token of a decoder-only model, whose output predicts the first decoded
    token; the first decoder position of an encoder-decoder model."""
    prompt_format: str = "none"
    """Name of the chat format that wraps a prompt (see `chat_formats.Format.name`), and `PER_BYTE`
    where options are compared by their log-probability per byte of their text, as `acc_norm` of
    lm-evaluation-harness does."""

    @property
    def per_byte(self) -> bool:
        """Whether options are compared per byte."""
        return self.prompt_format.endswith(PER_BYTE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """The K nearest observed instructions of each of N queries, nearest first."""

    ids: tuple[tuple[str, ...], ...]
    """(N, K) ids of instructions."""
    distances: FloatArray
    """(N, K) float32: L2 distances."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A label conflict: the instruction asks for answers that the scorer does not score."""

    asked: tuple[str, ...]
    """Answers that the instruction asks for."""
    read: tuple[str, ...]
    """Answers that are scored."""
    message: str
    """A sentence for people that names both."""
    suggestion: str | None = None
    """The instruction rewritten to ask for the scored answers; None where no rule can do it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """One of the nearest observed instructions, with what is shown of it."""

    instruction_id: str
    text: str
    collection: str
    task: str | None
    distance: float
    """L2 distance of the representations."""
    percentile: float
    """Percentage (0 to 100) of observed instructions whose own nearest observed neighbour is
    closer than this distance."""
    accuracy: float | None
    """Its measured accuracy in points; None where it was not measured."""


class Abstention(StrEnum):
    """Why there is no number."""

    NO_CALIBRATION = "no calibration"
    NO_BASELINE = "no baseline"
    TOO_FAR = "too far"
    """Farther from the observed instructions than any that was calibrated."""
    FOREIGN = "foreign"
    """By its wording and its answers, it is no instruction for the task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliance:
    """What a task's accuracy loses under texts that are no instruction for it, in points."""

    loss: float
    low: float
    high: float
    """95% interval from resampling texts and inputs."""
    texts: int
    inputs: int
    reads: bool
    """False: less than five points are lost, and nothing beyond doubt, so that nothing shows that
    the model reads the instruction of this task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Predicted degradation of one instruction: observed minus its accuracy, in points."""

    instruction_id: str
    task: str
    task_source: TaskSource
    degradation: float | None
    """Points, positive is worse; None where the predictor abstains or the backbone has no
    calibration."""
    low: float | None
    high: float | None
    coverage: float
    """Nominal coverage of the interval [low, high], e.g. 0.9."""
    tier: Tier
    in_support: bool
    """False: it is no instruction for the task by its wording and answers, or its distance lies
    beyond all that the predictor was calibrated on, so the predictor abstains."""
    nearest: tuple[Nearest, ...]
    conflicts: tuple[Conflict, ...]
    basis: str
    """One sentence that says what the number is based on."""
    abstains: Abstention | None = None
    """Why there is no number; None where there is one."""
    reliance: Reliance | None = None
    """How much the task depends on its instruction; None where that was not measured."""
    noise_floor: float | None = None
    """Points: the least degradation on this task that means anything (see `stats.noise`); None
    where there is no number or too few observed instructions were measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalRecord:
    """The scored answer of one model to one input under one instruction."""

    model: str
    task: str
    instruction_id: str
    example_id: str
    answer: str | None
    """A canonical option; None where the answer names no option (unparsed)."""
    correct: bool | None
    """None where the input is unlabelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptScores:
    """A prompt and the log-probabilities of its tokens, each given those before it."""

    text: str
    tokens: tuple[TokenLogprob, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What made a saved file: command, code version, package versions, seed and machine."""

    schema: int
    """Number of the file's format."""
    command: str
    project_version: str
    commit: str
    dirty: bool
    """Whether the source differed from the commit."""
    versions: Mapping[str, str]
    seed: int | None
    created: str
    """UTC, ISO 8601."""
    seconds: float | None = None
    hardware: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAnswer:
    """One model's answer to one prompt, with the probabilities of all options."""

    model: str
    option: str
    """The canonical option with the highest log-probability."""
    option_probabilities: tuple[float, ...]
    """Softmax of the option log-probabilities, in the order of the canonical options; sums to 1."""
    label_words: tuple[str, ...]
    """The word that was scored for each option."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The answers of several models to the same prompt."""

    instruction_id: str
    task: str
    prompt: str
    """The exact text that the models read."""
    options: tuple[str, ...]
    """The canonical options."""
    answers: tuple[ModelAnswer, ...]
    agree: bool
    """Whether all models chose the same option."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """Measured accuracy and degradation of one instruction, in points (0 to 100)."""

    instruction_id: str
    task: str
    model: str
    n: int
    """Number of labelled inputs."""
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    """Wilson interval, 95% unless another coverage is asked for."""
    observed_accuracy: float | None
    """Mean over the task's observed instructions on the same inputs; None where none of them was
    measured."""
    degradation: float | None
    """`observed_accuracy` minus `accuracy`; positive is worse."""
    low: float | None
    high: float | None
    """Bootstrap interval of the degradation over observed instructions and inputs, 95% unless
    another coverage is asked for."""
    noise_floor: float | None = None
    """The least degradation that means anything; None where there is none, or on other inputs than
    those of the index."""
    difference_noise_floor: float | None = None
    """The least difference from the original model that means anything; None for the original."""
