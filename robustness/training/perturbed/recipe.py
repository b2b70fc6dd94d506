"""Settings of an experiment with altered training instructions.

Imports no library, so that the help of its command is shown at once.
"""

from dataclasses import dataclass
from enum import StrEnum

from robustness.errors import InputError


class Version(StrEnum):
    """What takes the place of the instruction during training [S2]."""

    ORIGINAL = "original"
    """The instruction itself."""
    SIMPLIFIED = "simplified"
    """Only the answer options."""
    EMPTY = "empty"
    """Neither definition nor options, only the input; answers are the options themselves."""
    DELUSIVE = "delusive"
    """Worked examples with wrong answers; no definition."""
    CORRECT = "correct"
    """The same worked examples with right answers; no definition."""


class Setting(StrEnum):
    """What the model has not seen in training when it is tested."""

    INSTRUCTIONS = "unseen instructions"
    """Other instructions for the tasks that it was trained on."""
    TASKS = "unseen tasks"
    """Tasks that it was not trained on in the experiment."""


class Form(StrEnum):
    """The form of the instructions in a test."""

    ORIGINAL = "original instructions"
    """Not altered."""
    SAME = "altered likewise"
    """Altered as in training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The settings of an experiment."""

    versions: tuple[Version, ...] = tuple(Version)
    """Versions to train on; the original is always added, since the others are compared with
    it."""
    instances: tuple[int, ...] = (10, 50, 200, 800)
    """Numbers of training inputs per task; a task that has fewer uses all."""
    seeds: int = 3
    """Number of random choices of inputs, instructions, their order and worked examples."""
    limit: int = 60
    """Largest number of test inputs per task, balanced over labels."""
    epochs: int = 2
    """Passes over the training inputs."""
    batch: int = 16
    """Training inputs per update."""
    learning_rate: float = 3e-4
    """Peak learning rate: warm-up over a tenth of the updates, then cosine decay to a tenth."""

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
        """The untrained model, then all trainings in order of the number of inputs."""
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
    """One arm of the experiment: a version, a number of training inputs and a seed."""

    version: Version
    instances: int
    """Training inputs per task; 0: the untrained model."""
    seed: int

    @property
    def name(self) -> str:
        """Its name, e.g. `original-50-1`; `start` for the untrained model."""
        return f"{self.version}-{self.instances}-{self.seed}" if self.instances else "start"

    @property
    def tested(self) -> tuple[Form, ...]:
        """The forms that it is tested with; for the original version both are the same."""
        return (Form.ORIGINAL,) if self.version is Version.ORIGINAL else tuple(Form)


START = Arm(version=Version.ORIGINAL, instances=0, seed=0)
