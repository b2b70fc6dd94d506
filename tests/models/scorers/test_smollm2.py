"""A real pretrained model against plain transformers, and what must not depend on its tokenizer."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from robustness.data import instructions, prompts, tasks
from robustness.models.cached_forward import cache_of
from robustness.models.load_options import PromptFormat
from robustness.models.transformers_engine import TransformersEngine
from tests.models.scorers import test_parity as parity

pytestmark = [
    pytest.mark.slow,
    # PEFT 0.21 asks transformers 5 for a property under its old name.
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning"),
]


@torch.no_grad()
def deep_prefix(folder: Path, base: Path) -> Path:
    """Keys and values of a text; random ones would give this model states of 4,000."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    ids = AutoTokenizer.from_pretrained(base)(parity.RULE, return_tensors="pt").input_ids
    layers = cache_of(model(input_ids=ids[:, : parity.VIRTUAL], use_cache=True)).layers
    parts = torch.stack([part[0] for one in layers for part in (one.keys, one.values)])
    folder.mkdir()
    config = {"peft_type": "PREFIX_TUNING", "num_virtual_tokens": parity.VIRTUAL}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    table = parts.permute(2, 0, 1, 3).reshape(parity.VIRTUAL, -1)
    save_file({"prompt_embeddings": table.contiguous()}, folder / "adapter_model.safetensors")
    return folder


def test_it_reads_as_plain_transformers_with_each_kind_of_adapter(
    smollm2: Path, tmp_path: Path
) -> None:
    made = parity.Architecture("llama", "packed", {})
    config = AutoConfig.from_pretrained(smollm2)
    folders = {
        "input": parity.make_prefix(tmp_path / "input", "P_TUNING", config.hidden_size),
        "deep": deep_prefix(tmp_path / "deep", smollm2),
        "lora": parity.make_lora(
            tmp_path / "lora", smollm2, AutoModelForCausalLM, ["q_proj", "v_proj", "down_proj"]
        ),
    }
    engine = TransformersEngine(smollm2, prefixes=folders, device="cpu")
    plain = parity.Plain(made, engine, smollm2, folders["lora"])
    for info in engine.models():
        assert info.scorer == "packed", info.slower
        adapter = info.id.partition("+")[2]
        wanted = [plain.read(prompt, adapter) for prompt in parity.PROMPTS]
        parity.agree(engine.read(info.id, parity.PROMPTS), wanted, f"{info.id}, batched")
        alone = [engine.read(info.id, [prompt])[0] for prompt in parity.PROMPTS]
        parity.agree(alone, wanted, f"{info.id}, alone")


def test_the_tokenizers_end_of_text_token_changes_no_answer(smollm2: Path, tmp_path: Path) -> None:
    """What ends an answer is what the chat template puts behind one."""
    other = tmp_path / "other" / smollm2.name
    shutil.copytree(smollm2, other, copy_function=lambda a, b: Path(b).symlink_to(a))
    config = json.loads((smollm2 / "tokenizer_config.json").read_text())
    assert config["eos_token"] == "<|im_end|>"
    (other / "tokenizer_config.json").unlink()
    config["eos_token"] = "<|endoftext|>"
    (other / "tokenizer_config.json").write_text(json.dumps(config))
    asked = []
    for name in ("polarity", "question_type"):
        known = instructions.builtin(instructions.OBSERVED)
        instruction = next(i for i in known if i.task == name)
        asked += [prompts.fill(instruction, e) for e in tasks.builtin(name).split("test")[:8]]
    first, second = (
        TransformersEngine(folder, device="cpu", prompt_format=PromptFormat.AUTO)
        for folder in (smollm2, other)
    )
    ends = {e.checkpoint.tokenizer.eos_token for e in (first, second)}
    assert ends == {"<|im_end|>", "<|endoftext|>"}
    for one, two in zip(
        first.read(first.models()[0].id, asked), second.read(second.models()[0].id, asked),
        strict=True,
    ):
        np.testing.assert_array_equal(one.option_logprobs, two.option_logprobs)
        np.testing.assert_array_equal(one.representation, two.representation)
