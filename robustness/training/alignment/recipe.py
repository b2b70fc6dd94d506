"""The settings of an alignment: method, data mixture and optimiser."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from robustness.errors import InputError
from robustness.models.adapters import Kind

KINDS: dict[str, Kind | None] = {
    "pt": Kind.INPUT, "deep": Kind.DEEP, "lora": Kind.LORA, "ft": None
}
"""Method without `+kl` -> the kind of adapter that it trains; None: all weights."""
METHODS = tuple(f"{trained}{loss}" for trained in KINDS for loss in ("+kl", ""))
_RATES = {"pt": 1e-3, "deep": 1e-3, "lora": 1e-3, "ft": 3e-4}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignRecipe:
    """The settings of one alignment."""

    out: Path
    """Folder of the result; it holds `checkpoint.pt` during training."""
    method: str = "pt+kl"
    """What is trained, with the loss of the paper: `pt+kl` an input prefix, `deep+kl` a deep prefix
    (keys and values in every layer), `lora+kl` low-rank matrices, `ft+kl` all weights. Without
    `+kl`: with cross-entropy alone."""
    virtual_tokens: int = 20
    """Number of virtual tokens of a prefix."""
    rank: int = 8
    """Rank of LoRA's matrices; alpha is twice the rank."""
    encoder_hidden: int | None = None
    """Hidden width of the prefix's MLP; None: the width of the backbone."""
    lambda_: float = 0.8
    """Weight of the KL term in the methods with `+kl`."""
    steps: int = 1000
    """Largest number of updates; early stopping may end training sooner."""
    instances: int = 4
    """Groups (inputs) per update."""
    paraphrases: int = 4
    """Paraphrases per group, beside the reference instruction."""
    rows_per_pass: int = 32
    """Prompts per forward and backward pass; gradients are accumulated over the passes of an
    update."""
    learning_rate: float | None = None
    """Peak learning rate; None: 1e-3 for an adapter, 3e-4 for all weights."""
    weight_decay: float = 0.0
    """Weight decay of AdamW."""
    warmup: int = 20
    """Updates of linear warm-up; afterwards cosine decay to a tenth of the peak."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    gradient_checkpointing: bool = False
    """Recomputes activations in the backward pass: slower, but saves memory."""
    held_out: float = 0.15
    """Share of each task's paraphrases that is held out for evaluation."""
    eval_every: int = 100
    """Updates between evaluations; each evaluation also writes a checkpoint."""
    eval_cells: int = 768
    """(instruction, input) pairs in each evaluation set."""
    observed_cost: float = 0.5
    """Points of accuracy under observed instructions that the selected update may lose, if some
    update loses no more."""
    patience: int = 8
    """Evaluations without improvement after which training stops."""
    seed: int = 1
    """Seed of the initial values, the groups and the evaluation sets."""

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
        """The kind of adapter that is trained; None: all weights."""
        return KINDS[self.method.removesuffix("+kl")]

    @property
    def virtual(self) -> int:
        """Number of positions that a prefix takes in front of a prompt; 0 without one."""
        return self.virtual_tokens if self.kind in (Kind.INPUT, Kind.DEEP) else 0

    @property
    def weight(self) -> float:
        """The lambda of the loss; 0 for the methods without `+kl`."""
        return self.lambda_ if self.method.endswith("+kl") else 0.0

    def record(self) -> dict[str, Any]:
        """The settings as they are saved, without the folder."""
        values = asdict(replace(self, out=Path()))
        del values["out"]
        return values
