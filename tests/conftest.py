"""Tiny random models of both families, made once a session, and the embedded backbone."""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

from robustness import paths
from robustness.transformers_engine import TransformersEngine

_TEXT = [
    "Is the sentence about a film positive or negative? Answer:",
    "Anna is in the kitchen. Ben gave Anna a lamp. The lamp is red. Options: A. B. C. D.",
    "Choose one of the options: food, sport, music, travel, work, happy, sad, angry, calm.",
    "The story says where each person is and what they carry. Yes or no, true or false?",
] * 4


def make_tokenizer(folder: Path, *, encoder_decoder: bool) -> int:
    """Trains a byte-level tokenizer of 320 entries and saves it; returns its size."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=["<pad>", "<s>", "</s>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(_TEXT, trainer)
    around = "$A </s>" if encoder_decoder else "<s> $A"
    tokenizer.post_processor = processors.TemplateProcessing(
        single=around, special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>",
        model_max_length=256,
    )
    fast.save_pretrained(folder)
    return len(fast)


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a random decoder-only model."""
    folder = tmp_path_factory.mktemp("models") / "tiny-llama"
    size = make_tokenizer(folder, encoder_decoder=False)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=size, hidden_size=32, intermediate_size=64, num_hidden_layers=3,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256,
        bos_token_id=1, eos_token_id=2, pad_token_id=0, initializer_range=0.3,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_t5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a random encoder-decoder model."""
    folder = tmp_path_factory.mktemp("models") / "tiny-t5"
    size = make_tokenizer(folder, encoder_decoder=True)
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=size, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_decoder_layers=2,
        num_heads=4, decoder_start_token_id=0, eos_token_id=2, pad_token_id=0,
        initializer_factor=4.0, tie_word_embeddings=False,
    )
    T5ForConditionalGeneration(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_engine(tiny_llama: Path) -> TransformersEngine:
    """An engine on the random decoder-only model."""
    return TransformersEngine(tiny_llama, device="cpu")


@pytest.fixture(scope="session")
def backbone() -> Path:
    """The embedded backbone."""
    if not (paths.BACKBONE / "config.json").is_file():
        pytest.skip("assets/backbone is not there yet")
    return paths.BACKBONE
