import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from safetensors.torch import save_file
from torch import zeros
from transformers import CONFIG_MAPPING

from robustness.errors import CorruptFileError, MismatchError, NotFoundError
from robustness.models import adapters, checkpoint


def test_the_revision_follows_the_weights(tiny_llama: Path, tiny_t5: Path, tmp_path: Path) -> None:
    assert checkpoint.load(tiny_llama, device="cpu").revision == checkpoint.weights_digest(
        tiny_llama
    )
    assert checkpoint.weights_digest(tiny_llama) != checkpoint.weights_digest(tiny_t5)
    with pytest.raises(NotFoundError, match="no weights"):
        checkpoint.weights_digest(tmp_path)


def test_a_missing_folder_is_named() -> None:
    with pytest.raises(NotFoundError, match="/nowhere/model"):
        checkpoint.load("/nowhere/model")


def test_a_damaged_tokenizer_is_told_as_such(tiny_llama: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_llama, tmp_path / "model"))
    settings = folder / "tokenizer_config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"bos_token": [[]]}))
    with pytest.raises(CorruptFileError, match="cannot be read"):
        checkpoint.load(folder, device="cpu")


def test_only_soft_prefixes_are_put_in_front(tiny_llama: Path, tmp_path: Path) -> None:
    loaded = checkpoint.load(tiny_llama, device="cpu")
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(NotFoundError, match="adapter_model"):
        checkpoint.load_prefix("x", tmp_path, loaded)
    save_file({"lora_A": zeros(2, 2)}, tmp_path / "adapter_model.safetensors")
    with pytest.raises(MismatchError, match="lora_A"):
        checkpoint.load_prefix("x", tmp_path, loaded)
    assert adapters.shipped(tiny_llama) == {}


SMALL = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}


@pytest.mark.parametrize(
    ("kind", "settings", "tokens"),
    [
        ("llama", SMALL | {"max_position_embeddings": 777}, 777),
        ("gpt2", {"n_positions": 777}, 777),
        ("bloom", {"seq_length": 777}, 777),
        ("mpt", {"max_seq_len": 777}, 777),
        ("dbrx", {"max_seq_len": 777}, 777),
        ("rwkv", {"context_length": 777}, 777),
        ("gemma3", {"text_config": SMALL | {"max_position_embeddings": 777}}, 777),
        ("bart", {"max_position_embeddings": 777}, 777),
        ("led", {
            "max_encoder_position_embeddings": 777, "max_decoder_position_embeddings": 99,
        }, 777),
        ("t5gemma", {
            "encoder": SMALL | {"max_position_embeddings": 777},
            "decoder": SMALL | {"max_position_embeddings": 99},
        }, 777),
        # No length of its own: the tokenizer's counts.
        ("t5", {}, 640),
        ("mamba", {}, 640),
    ],
)
def test_the_context_is_read_whatever_a_configuration_calls_it(
    kind: str, settings: dict[str, Any], tokens: int
) -> None:
    tokenizer = SimpleNamespace(model_max_length=640)
    assert checkpoint._context(CONFIG_MAPPING[kind](**settings), tokenizer) == tokens


def test_a_length_that_nobody_says_is_512() -> None:
    tokenizer = SimpleNamespace(model_max_length=int(1e30))
    assert checkpoint._context(CONFIG_MAPPING["t5"](), tokenizer) == 512


@pytest.mark.parametrize(
    ("kind", "settings", "token"),
    [
        ("t5", {"decoder_start_token_id": 0}, 0),
        ("bart", {"decoder_start_token_id": 2}, 2),
        ("t5gemma", {"decoder": SMALL | {"bos_token_id": 5}}, 5),
    ],
)
def test_an_encoder_decoder_models_answer_begins_behind_its_own_token(
    kind: str, settings: dict[str, Any], token: int
) -> None:
    config = CONFIG_MAPPING[kind](**settings)
    assert checkpoint._decoder_start(config, SimpleNamespace()) == token
