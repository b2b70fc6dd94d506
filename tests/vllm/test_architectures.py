"""vLLM against plain transformers on other architectures, with each kind of adapter it takes.

Every architecture starts a vLLM of its own, which takes most of the time.
"""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from robustness.models.transformers_engine import TransformersEngine
from robustness.types import GenerationSettings
from server.engines import build_engine
from tests.models.scorers import test_parity as parity

pytestmark = [
    pytest.mark.slow,
    # PEFT 0.21 asks transformers 5 for a property under its old name.
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning"),
]

# vLLM's attention on a CPU takes heads of 32 at the least.
WIDE = parity.ROPE | {
    "hidden_size": 64, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 32,
}
ARCHITECTURES = (
    parity.Architecture("qwen2", "packed", WIDE),
    parity.Architecture("qwen3", "packed", WIDE),
    parity.Architecture("granite", "packed", WIDE | {
        "embedding_multiplier": 3.0, "logits_scaling": 2.0, "residual_multiplier": 0.5,
    }),
)  # fmt: skip


def make_lora(folder: Path, base: Path) -> Path:
    """A random LoRA of two ranks and two scales."""
    model = AutoModelForCausalLM.from_pretrained(base)
    config = LoraConfig(
        r=4, lora_alpha=6, target_modules=["q_proj", "v_proj", "o_proj", "up_proj", "down_proj"],
        rank_pattern={"v_proj": 2}, alpha_pattern={"up_proj": 2}, init_lora_weights=False,
    )
    get_peft_model(model, config).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("made", ARCHITECTURES, ids=lambda made: made.kind)
def test_vllm_reads_and_writes_as_plain_transformers(
    made: parity.Architecture, settings, tmp_path: Path, gather
) -> None:
    base = parity.make_model(made, tmp_path / made.kind)
    folders = {
        "input": parity.make_prefix(tmp_path / "input", "P_TUNING", 64),
        "lora": make_lora(tmp_path / "lora", base),
    }
    here = TransformersEngine(base, prefixes=folders, device="cpu")
    plain = parity.Plain(made, here, base, folders["lora"])
    asked = dataclasses.replace(
        settings, model=str(base), prefixes=tuple(str(f) for f in folders.values()),
        prompt_format="none", vllm_log=tmp_path / "vllm.log",
    )
    built = build_engine(asked)
    try:
        assert [m.id for m in built.engine.models()] == [m.id for m in here.models()]
        seen = []
        for info in built.engine.models():
            adapter = info.id.partition("+")[2]
            wanted = [plain.read(prompt, adapter) for prompt in parity.PROMPTS]
            batched = built.engine.read(info.id, parity.PROMPTS)
            parity.agree(batched, wanted, f"{info.id}, batched")
            alone = [built.engine.read(info.id, [prompt])[0] for prompt in parity.PROMPTS]
            parity.agree(alone, wanted, f"{info.id}, alone, starts from the cache")
            seen.append(np.concatenate([r.option_logprobs for r in batched]))
            greedy = GenerationSettings(max_tokens=8)
            texts = [
                "".join(c.text for c in gather(engine, info.id, parity.TEXTS[0], greedy))
                for engine in (built.engine, here)
            ]
            assert texts[0] == texts[1]
        # Each adapter changes what is read.
        assert min(np.abs(seen[0] - seen[1]).max(), np.abs(seen[0] - seen[2]).max()) > 0.01
    finally:
        built.engine.close()


@pytest.mark.parametrize(("fixture", "reply"), [("smollm2", "Paris"), ("tuned_smollm2", "")])
def test_vllm_reads_a_pretrained_model_as_plain_transformers(
    fixture: str, reply: str, request: pytest.FixtureRequest, settings, tmp_path: Path, gather
) -> None:
    # Under another name, so that the adapters that ship, which want its chat format, are not found.
    folder = shutil.copytree(request.getfixturevalue(fixture), tmp_path / "model")
    here = TransformersEngine(folder, device="cpu")
    # No adapter: its LoRA would be one more model to load.
    made = parity.Architecture("llama", "packed", {})
    plain = parity.Plain(made, here, folder, None)
    built = build_engine(
        dataclasses.replace(
            settings, model=str(folder), prompt_format="none", vllm_log=tmp_path / "vllm.log"
        )
    )
    try:
        model = built.engine.models()[0].id
        wanted = [plain.read(prompt, "") for prompt in parity.PROMPTS]
        parity.agree(built.engine.read(model, parity.PROMPTS), wanted, "batched")
        greedy = GenerationSettings(max_tokens=12)
        texts = [
            "".join(c.text for c in gather(engine, model, "The capital of France is", greedy))
            for engine in (built.engine, here)
        ]
        assert texts[0] == texts[1] and texts[0] and reply in texts[0]
    finally:
        built.engine.close()
