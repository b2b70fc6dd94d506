"""The settings of a backbone's training: architecture, data mixture and optimiser."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from robustness.training import presets

RECIPES = Path(__file__).parent / "recipes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The settings of one training."""

    hidden: int
    """Width D of the hidden states."""
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    """Size of the BPE vocabulary."""
    context: int
    """Longest sequence in tokens."""
    steps: int
    batch_stories: int
    """QA sequences per step."""
    batch_texts: int
    """MC and BC sequences per step."""
    batch_running: int
    """Sequences of running text per step, for a language-model loss."""
    running_weight: float
    """Weight of that loss beside those of the answers."""
    dense_share: float
    """Share of generated sequences that belong to the curriculum: a text with every fact asked for
    by a bare key, without an instruction."""
    bound_share: float
    """Share of stories that tell every fact of two people, so that facts must be bound to names."""
    initial_scale: float
    """Standard deviation of the initial weights, times the square root of the width."""
    identity_width: int
    """Dimensions of the initial embeddings that are random, so that words with the same contexts
    (all names, all colours) are distinguishable and can be copied; PPMI + SVD fills the others."""
    identity_scale: float
    """Standard deviation of these dimensions."""
    learning_rate: float
    embedding_rate: float
    """Peak learning rate of the embeddings, lower because they start from PPMI + SVD."""
    weight_decay: float
    warmup: int
    """Steps of linear warm-up; afterwards cosine decay to a twentieth of the peak."""
    dropout: float
    """Dropout of the attention weights."""
    embedding_dropout: float
    word_deletion: float
    """Mean share of words that are deleted from a real text in training."""
    instruction_deletion: float
    """Mean share of words that are deleted from an instruction in training."""
    real_share: float
    """Share of MC and BC sequences that are real text."""
    real_exponent: float
    """A real-text task is drawn with a probability proportional to (number of examples)^this."""
    average: float
    """Decay of the exponential moving average of the weights; the average is saved."""
    running_words: int
    """Words of unlabelled text for the tokenizer and the initial embeddings."""
    seed: int
    checkpoint_every: int
    device: str
    """`cpu` in float32, or `cuda` in bfloat16 with float32 weights."""
    workers: int
    """Processes that make batches; 0: the training process itself."""
    threads: int


def load(preset: str, given: Sequence[str] = ()) -> Recipe:
    """Reads the settings of a preset, some of them changed.

    Args:
        preset: Name of a TOML file in `recipes`, e.g. `cpu`.
        given: Texts `key=value` that take the place of the preset's.

    Raises: As `presets.load`.
    """
    return presets.load(Recipe, RECIPES, preset, given)
