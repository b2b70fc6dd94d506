"""The settings of a tuning: which layers are kept, what is tuned, on what, and how long."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from robustness.errors import InputError
from robustness.training import presets

NUMBER_TYPES = ("float32", "bfloat16")
RECIPES = Path(__file__).parent / "recipes"


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningRecipe:
    """The settings of one tuning."""

    layers: int
    """How many of the model's first layers are kept; embeddings, final norm and head always are."""
    frozen: int
    """How many of these, from the first on, stay as they are; the others and the norm are tuned."""
    updates: int
    packs: int
    """Packs of sequences an update."""
    together: int
    """Packs of one forward and backward pass."""
    workers: int
    """Processes that make the packs of the next updates meanwhile; 0: they are made in between."""
    inputs: int
    """Inputs of a pack, on which every instruction of the pack is asked."""
    instructions: int
    """Instructions of a pack, of several tasks."""
    chat_share: float
    """Share of packs that are conversations."""
    chat_tokens: int
    """Tokens of a conversation's answer that are read."""
    chat_later: float
    """Weight of an answer's tokens after the first four in a conversation, which have weight 1."""
    negated_share: float
    """Share of instructions that are negated, with another answer."""
    shuffled_share: float
    """Share of instructions of which every input has its options in an order of its own."""
    learning_rate: float
    weight_decay: float
    warmup: int
    """Updates of linear warm-up; afterwards cosine decay to a twentieth of the peak."""
    checkpoint_seconds: float
    """Seconds between checkpoints."""
    development_seconds: float
    """Seconds between measurements on development inputs."""
    development_inputs: int
    """Inputs a task of such a measurement."""
    development_instructions: int
    """Instructions a task and set of such a measurement."""
    seed: int
    device: str
    """`cpu` or `cuda`."""
    number_type: str
    """Of the products of matrices, `float32` or `bfloat16`; weights are float32."""
    threads: int

    def __post_init__(self) -> None:
        """Checks what the types do not say.

        Raises:
            InputError: The number type is unknown.
        """
        if self.number_type not in NUMBER_TYPES:
            raise InputError(
                f"number_type {self.number_type!r} is unknown; choose {' or '.join(NUMBER_TYPES)}"
            )


def load(preset: str, given: Sequence[str] = ()) -> TuningRecipe:
    """Reads the settings of a preset, some of them changed.

    Args:
        preset: Name of a TOML file in `recipes`, e.g. `cpu`.
        given: Texts `key=value` that take the place of the preset's.

    Raises: As `presets.load`, and for an unknown number type.
    """
    return presets.load(TuningRecipe, RECIPES, preset, given)
