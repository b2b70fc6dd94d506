"""What an experiment with altered training instructions is made of, and what it finds.

Refuses to know how it is carried out. Exact match, ROUGE-L and differences in points (0 to 100);
intervals 95%.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from robustness.errors import InputError
from robustness.evaluation.study.values import Left
from robustness.stats.intervals import Estimate
from robustness.types import Provenance


class Version(StrEnum):
    """What a model sees in an instruction's place while it is trained [S2]."""

    ORIGINAL = "original"
    SIMPLIFIED = "simplified"
    """The output space alone."""
    EMPTY = "empty"
    """Neither definition nor output space, only the input; answers are the options themselves."""
    DELUSIVE = "delusive"
    """Worked examples with the right inputs and outputs, wrongly mapped; no definition."""
    CORRECT = "correct"
    """The same examples, rightly mapped; no definition."""


class Setting(StrEnum):
    """What is new to the model when it is tested."""

    INSTRUCTIONS = "unseen instructions"
    """Other phrasings of the tasks that it was trained on."""
    TASKS = "unseen tasks"
    """Tasks that it was not trained on here."""


class Form(StrEnum):
    """Which form the instructions of the test have."""

    ORIGINAL = "original instructions"
    SAME = "altered likewise"
    """The version that the model was trained on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What is trained and how it is tested."""

    versions: tuple[Version, ...] = tuple(Version)
    """The original is always among them: the others are compared with it."""
    instances: tuple[int, ...] = (10, 50, 200, 800)
    """Training inputs a task; fewer where a task has fewer."""
    seeds: int = 3
    """How often inputs, phrasings, their order and worked examples are drawn."""
    limit: int = 60
    """Test inputs a task at the most, as many of each label."""
    epochs: int = 2
    """How often each training input is seen."""
    batch: int = 16
    """Training inputs an update."""
    learning_rate: float = 3e-4
    """Peak; a tenth of the updates warm up, a cosine leads down to a tenth."""

    def __post_init__(self) -> None:
        counts = {"seeds": self.seeds, "limit": self.limit, "epochs": self.epochs,
                  "batch": self.batch, "instances": min(self.instances, default=0)}
        for name, value in counts.items():
            if value < 1:
                raise InputError(f"{name} is {value}; it is at least 1")
        if not self.learning_rate > 0:
            raise InputError(f"the learning rate is {self.learning_rate}; it is above 0")
        chosen = {Version.ORIGINAL, *self.versions}
        object.__setattr__(self, "versions", tuple(v for v in Version if v in chosen))
        object.__setattr__(self, "instances", tuple(sorted(set(self.instances))))

    @property
    def arms(self) -> tuple["Arm", ...]:
        """The start, then every training, few inputs first."""
        return (
            START,
            *(
                Arm(version=version, instances=count, seed=seed)
                for count in self.instances
                for seed in range(1, self.seeds + 1)
                for version in self.versions
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One training."""

    version: Version
    instances: int
    """A task; 0: the model as it was given, not trained."""
    seed: int

    @property
    def name(self) -> str:
        """`original-50-1`; `start`."""
        return f"{self.version}-{self.instances}-{self.seed}" if self.instances else "start"

    @property
    def tested(self) -> tuple[Form, ...]:
        """The forms that it is tested with; the original's two are one."""
        return (Form.ORIGINAL,) if self.version is Version.ORIGINAL else tuple(Form)


START = Arm(version=Version.ORIGINAL, instances=0, seed=0)


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
    """The label word that the instruction asks for."""
    text: str
    parsed: str | None
    """The option that the text names; None: unparsed."""
    exact: bool
    rouge: float
    """ROUGE-L, F-measure with stemming, in [0, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionResult:
    """One version with one number of inputs, as it was tested; means over tasks and seeds."""

    version: Version
    instances: int
    setting: Setting
    tested: Form
    exact: Estimate
    rouge: Estimate
    unparsed: float
    """Share of answers that name no option, points."""
    exact_loss: Estimate | None
    """The original trained on as many inputs minus this; seeds and inputs drawn again in pairs.
    None: it is the original, or the start."""
    rouge_loss: Estimate | None
    tasks: int
    inputs: int
    seeds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A uniform guess among each input's label words: expected values, exact."""

    setting: Setting
    exact: float
    rouge: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What an experiment found."""

    model: str
    revision: str
    recipe: Recipe
    tasks: tuple[str, ...]
    held_out: tuple[str, ...]
    available: Mapping[str, int]
    """Task -> its training inputs."""
    rows: tuple[VersionResult, ...]
    guesses: tuple[Guess, ...]
    left: tuple[Left, ...]
    seconds: float
    """Of all trainings and tests, earlier ones included."""
    made: Provenance
