"""What LoRA adapters vLLM is given, and what the reason names of those that it is not."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from robustness import paths
from robustness.models import checkpoint
from robustness.models.checkpoint import Checkpoint
from robustness.models.model_registry import Served
from server.engines import vllm_lora

PATH = "base_model.model.model.layers.0.self_attn.q_proj"
PAIR = {f"{PATH}.lora_A.weight": torch.ones(8, 32), f"{PATH}.lora_B.weight": torch.ones(32, 8)}


@pytest.fixture(scope="module")
def ends(tiny_llama: Path) -> Checkpoint:
    return checkpoint.load(tiny_llama, device="cpu", ends_only=True)


def adapter(folder: Path, tensors: dict[str, torch.Tensor] = PAIR, **config: Any) -> Path:
    folder.mkdir(exist_ok=True)
    made = {"peft_type": "LORA", "r": 8, "target_modules": ["q_proj"]} | config
    (folder / "adapter_config.json").write_text(json.dumps(made))
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder


@pytest.mark.parametrize(
    "config",
    [
        {}, {"rank_pattern": {"q_proj": 4}, "alpha_pattern": {"q_proj": 2}}, {"use_rslora": True},
        {"inference_mode": True, "init_lora_weights": "gaussian", "megatron_core": "megatron.core"},
        {"use_dora": False, "modules_to_save": None, "loftq_config": {}},
    ],
)
def test_what_vllm_follows_has_no_obstacle(
    ends: Checkpoint, tmp_path: Path, config: dict[str, Any]
) -> None:
    assert vllm_lora.obstacle(adapter(tmp_path / "lora", **config), ends) is None


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"use_dora": True}, "use_dora, and vLLM applies no DoRA"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"lora_bias": True}, "lora_bias"),
        ({"bias": "all"}, "bias='all'"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights='pissa'"),
        ({"layer_replication": [[0, 1]]}, "layer_replication"),
        ({"trainable_token_indices": [3]}, "trainable_token_indices"),
        ({"target_parameters": ["experts.w"]}, "target_parameters"),
        ({"r": 1024}, "rank 1024"),
        ({"rank_pattern": {"q_proj": 600}}, "rank 600"),
        ({"use_what_comes_next": True}, "use_what_comes_next, which vLLM does not know"),
    ],
)
def test_what_vllm_cannot_follow_is_named(
    ends: Checkpoint, tmp_path: Path, config: dict[str, Any], words: str
) -> None:
    reason = vllm_lora.obstacle(adapter(tmp_path / "lora", **config), ends)
    assert words in str(reason)
    assert "take --engine transformers" in str(reason)


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ({f"{PATH}.lora_magnitude_vector": torch.ones(32)}, "lora_magnitude_vector"),
        ({"base_model.model.lm_head.lora_A.weight": torch.ones(8, 32)}, "it changes lm_head"),
        (
            {"base_model.model.model.embed_tokens.lora_embedding_A": torch.ones(8, 320)},
            "lora_embedding_A",
        ),
    ],
)
def test_weights_that_belong_elsewhere_are_named(
    ends: Checkpoint, tmp_path: Path, tensors: dict[str, torch.Tensor], words: str
) -> None:
    assert words in str(vllm_lora.obstacle(adapter(tmp_path / "lora", PAIR | tensors), ends))


def test_prefixes_are_judged_by_their_kind(ends: Checkpoint) -> None:
    assert vllm_lora.obstacle(paths.PREFIXES / "pt-kl", ends) is None
    deep = str(vllm_lora.obstacle(paths.PREFIXES / "deep-kl", ends))
    assert deep.startswith("a deep prefix is served by the transformers engine only")


def test_vllm_is_told_of_each_adapter_and_of_the_highest_rank(
    ends: Checkpoint, tmp_path: Path
) -> None:
    folders = {
        "small": adapter(tmp_path / "small"),
        "large": adapter(tmp_path / "large", rank_pattern={"q_proj": 20}),
        "dora": adapter(tmp_path / "dora", use_dora=True),
    }
    served = Served(
        ends, folders, obstacle=vllm_lora.obstacle, loader=vllm_lora.Loader
    )
    assert [m.id for m in served.models()] == ["tiny-llama", "tiny-llama+small", "tiny-llama+large"]
    assert [w.id for w in served.withheld()] == ["tiny-llama+dora"]
    given = vllm_lora.arguments(served, folders)
    assert given[:6] == ["--enable-lora", "--max-loras", "2", "--max-lora-rank", "32",
                         "--lora-modules"]
    assert [json.loads(one) for one in given[6:]] == [
        {"name": f"tiny-llama+{name}", "path": str(folders[name])} for name in ("small", "large")
    ]
    assert vllm_lora.arguments(Served(ends), {}) == []
