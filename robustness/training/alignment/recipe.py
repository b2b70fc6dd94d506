"""The whole recipe of an alignment in one configuration.

Refuses to know how it is carried out.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from robustness.errors import InputError
from robustness.models.adapters import Kind

KINDS: dict[str, Kind | None] = {
    "pt": Kind.INPUT, "deep": Kind.DEEP, "lora": Kind.LORA, "ft": None
}
"""What each method trains; None: all weights."""
METHODS = tuple(f"{trained}{loss}" for trained in KINDS for loss in ("+kl", ""))
_RATES = {"pt": 1e-3, "deep": 1e-3, "lora": 1e-3, "ft": 3e-4}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignRecipe:
    """Method, data mixture and optimiser of one alignment."""

    out: Path
    """Folder of the result; `out/checkpoint.pt` is there while it runs."""
    method: str = "pt+kl"
    """What is trained, with the paper's loss: `pt+kl` an input prefix, `deep+kl` a deep one (keys
    and values in every layer), `lora+kl` low-rank matrices, `ft+kl` all weights. Without `+kl`:
    with cross-entropy alone."""
    virtual_tokens: int = 20
    """Rows of a prefix."""
    rank: int = 8
    """Rank of LoRA's matrices; their share is scaled by 2."""
    encoder_hidden: int | None = None
    """Width inside the prefix's MLP; None: the backbone's."""
    lambda_: float = 0.8
    """Weight of the divergence from the reference instruction; used by the methods with `+kl`."""
    steps: int = 1000
    """Updates at the most; early stopping may end it sooner."""
    instances: int = 4
    """Groups (inputs) an update."""
    paraphrases: int = 4
    """Paraphrases a group, beside its reference instruction."""
    rows_per_pass: int = 32
    """Prompts in one forward and backward pass; an update accumulates over its passes."""
    learning_rate: float | None = None
    """Peak; None: 1e-3 for an adapter, 3e-4 for all weights."""
    weight_decay: float = 0.0
    """AdamW's."""
    warmup: int = 20
    """Updates of linear warm-up; cosine decay to a tenth afterwards."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    gradient_checkpointing: bool = False
    """Computes activations again in the backward pass: slower, for models that barely fit."""
    held_out: float = 0.15
    """Share of each task's paraphrases that are kept for the development set."""
    eval_every: int = 100
    """Updates between evaluations, each of which writes a checkpoint."""
    eval_cells: int = 768
    """(instruction, input) pairs in each evaluation set."""
    observed_cost: float = 0.5
    """Points of observed accuracy that the selected update may cost, where one keeps within it."""
    patience: int = 8
    """Evaluations without a better score after which the training stops."""
    seed: int = 1
    """Of the prefix's first values, the groups, and the evaluation sets."""

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InputError(f"method {self.method!r} is unknown; choose {', '.join(METHODS)}")
        if not 0 <= self.lambda_ <= 1:
            raise InputError(f"lambda_ is {self.lambda_}; it lies between 0 and 1")
        if self.observed_cost < 0:
            raise InputError(f"observed_cost is {self.observed_cost}; it is at least 0")
        if not 0 <= self.held_out < 1:
            raise InputError(f"held_out is {self.held_out}; it lies between 0 and 1")
        counts = ("virtual_tokens", "rank", "steps", "instances", "paraphrases", "rows_per_pass",
                  "eval_every", "eval_cells", "patience")
        for name in counts:
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; it is at least 1")
        if self.learning_rate is None:
            object.__setattr__(self, "learning_rate", _RATES[self.method.removesuffix("+kl")])

    @property
    def kind(self) -> Kind | None:
        """The adapter that is trained; None: all weights."""
        return KINDS[self.method.removesuffix("+kl")]

    @property
    def virtual(self) -> int:
        """Positions that a trained prefix takes in front of a prompt."""
        return self.virtual_tokens if self.kind in (Kind.INPUT, Kind.DEEP) else 0

    @property
    def weight(self) -> float:
        """The lambda of the loss: 0 for the methods without divergence."""
        return self.lambda_ if self.method.endswith("+kl") else 0.0

    def record(self) -> dict[str, Any]:
        """The recipe as it is saved; where it was carried out is no part of it."""
        values = asdict(replace(self, out=Path()))
        del values["out"]
        return values
