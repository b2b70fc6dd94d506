"""The whole recipe of a backbone in one configuration.

Refuses to know how it is carried out.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from robustness.errors import InputError, NotFoundError
from robustness.storage import settings

RECIPES = Path(__file__).parent / "recipes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Architecture, data mixture and optimiser of one training."""

    hidden: int
    """Width D of the hidden states."""
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    """Size of the byte-level BPE."""
    context: int
    """Longest sequence in tokens."""
    steps: int
    batch_stories: int
    """QA sequences a step."""
    batch_texts: int
    """MC and BC sequences a step."""
    batch_running: int
    """Sequences of running text a step, for a language-model loss."""
    running_weight: float
    """Weight of that loss beside those of the answers."""
    dense_share: float
    """Share of generated sequences that are the curriculum (every fact by a bare key)."""
    bound_share: float
    """Share of stories that tell everything of two people, so that two facts must be bound."""
    initial_scale: float
    """Standard deviation of the first weights, times the square root of the width."""
    identity_width: int
    """Dimensions of the first embeddings that are drawn at random, so that words of the same
    contexts (all names, all colours) can be told apart and copied; PPMI + SVD fills the others."""
    identity_scale: float
    """Standard deviation of what is drawn there."""
    learning_rate: float
    embedding_rate: float
    """Peak learning rate of the embedding table, lower because it starts from PPMI + SVD."""
    weight_decay: float
    warmup: int
    """Steps of linear warm-up; cosine decay to a twentieth afterwards."""
    dropout: float
    """On the attention weights."""
    embedding_dropout: float
    word_deletion: float
    """Mean share of words deleted from a real text in training."""
    instruction_deletion: float
    """Mean share of words deleted from an instruction in training, placeholders kept."""
    real_share: float
    """Share of MC and BC sequences that are real text."""
    real_exponent: float
    """A real-text task is drawn in proportion to its number of examples to this power."""
    average: float
    """Decay of the exponential moving average of the weights that is saved."""
    running_words: int
    """Words of unlabelled text for the tokenizer and the first embeddings."""
    seed: int
    checkpoint_every: int
    device: str
    """`cpu` in float32, or `cuda` in bfloat16 with float32 weights."""
    workers: int
    """Processes that make batches; 0: the training's own."""
    threads: int


def load(preset: str) -> Recipe:
    """The recipe of a preset.

    Raises:
        NotFoundError: There is none of that name.
        InputError: The file has unknown or missing keys.
    """
    path = RECIPES / f"{preset}.toml"
    if not path.is_file():
        names = sorted(p.stem for p in RECIPES.glob("*.toml"))
        raise NotFoundError(f"no preset {preset!r}; there are {', '.join(names)}")
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    wanted = {f.name for f in fields(Recipe)}
    if set(values) != wanted:
        raise InputError(
            f"{path}: unknown keys {sorted(set(values) - wanted)}, "
            f"missing {sorted(wanted - set(values))}"
        )
    return Recipe(**values)


def changed(made: Recipe, given: Sequence[str]) -> Recipe:
    """A recipe with some keys set anew.

    Args:
        made: The recipe.
        given: `key=value` each.

    Raises:
        InputError: There is no such key, or the value is not of its type.
    """
    return replace(made, **settings.values(Recipe, given))
