"""Dataclasses of the experiment: its settings and its results.

Exact match, ROUGE-L and differences are in points (0 to 100); intervals are 95%.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from robustness.evaluation.study.values import Left
from robustness.stats.intervals import Estimate
from robustness.training.perturbed.recipe import Form, Recipe, Setting, Version
from robustness.types import Provenance


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One generated answer."""

    version: Version
    instances: int
    seed: int
    setting: Setting
    tested: Form
    task: str
    instruction_id: str
    example_id: str
    gold: str
    """The label word of the right answer."""
    text: str
    parsed: str | None
    """The option that the text names; None where it is unparsed."""
    exact: bool
    """Whether the text is the gold word."""
    rouge: float
    """ROUGE-L, F-measure with stemming, in [0, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionResult:
    """Results of one version with one number of inputs; means over tasks and seeds."""

    version: Version
    instances: int
    setting: Setting
    tested: Form
    exact: Estimate
    rouge: Estimate
    unparsed: float
    """Share of answers that name no option, in points."""
    exact_loss: Estimate | None
    """The original version trained on as many inputs minus this one, with paired bootstrap interval
    over seeds and inputs. None: this is the original or the untrained model."""
    rouge_loss: Estimate | None
    tasks: int
    inputs: int
    seeds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """Expected scores of a uniform guess among each input's label words."""

    setting: Setting
    exact: float
    rouge: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """All results of an experiment."""

    model: str
    revision: str
    recipe: Recipe
    tasks: tuple[str, ...]
    held_out: tuple[str, ...]
    available: Mapping[str, int]
    """Task -> number of its training inputs."""
    rows: tuple[VersionResult, ...]
    guesses: tuple[Guess, ...]
    left: tuple[Left, ...]
    seconds: float
    """Duration of all trainings and tests, including earlier runs."""
    made: Provenance
