from pathlib import Path

import pytest
from safetensors.torch import save_file
from torch import zeros

from robustness import paths
from robustness.errors import MismatchError, NotFoundError
from robustness.models import adapters, checkpoint


def test_the_served_name_is_the_folders_or_the_hubs(tiny_llama: Path) -> None:
    assert checkpoint.model_id(tiny_llama) == "tiny-llama"
    assert checkpoint.model_id("google/flan-t5-small") == "flan-t5-small"
    assert checkpoint.model_id(paths.BACKBONE) == paths.BACKBONE_ID


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


def test_only_soft_prefixes_are_put_in_front(tiny_llama: Path, tmp_path: Path) -> None:
    loaded = checkpoint.load(tiny_llama, device="cpu")
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(NotFoundError, match="adapter_model"):
        checkpoint.load_prefix("x", tmp_path, loaded)
    save_file({"lora_A": zeros(2, 2)}, tmp_path / "adapter_model.safetensors")
    with pytest.raises(MismatchError, match="lora_A"):
        checkpoint.load_prefix("x", tmp_path, loaded)
    assert adapters.shipped(tiny_llama) == {}
