"""Thirty architectures against plain transformers: unpadded, one option at a time, within 1e-4.

Random models made from their configurations, two layers of width 32. Each is read in one batch of
uneven prompts, alone, with shared starts, and with each kind of adapter that it takes.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import (
    CONFIG_MAPPING,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    DynamicCache,
)
from transformers.pytorch_utils import Conv1D

from robustness.models import adapters
from robustness.models.cached_forward import cached_forward
from robustness.models.scorers import packed
from robustness.models.transformers_engine import TransformersEngine
from robustness.types import Prompt, Reading
from tests.conftest import make_tokenizer

# PEFT 0.21 asks transformers 5 for a property under its old name.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning"),
    # transformers' conversion of experts, of which "all-linear" takes none.
    pytest.mark.filterwarnings("ignore:The following (rank|alpha)_pattern keys:RuntimeWarning"),
]

TOLERANCE = 1e-4
ROUNDING = 1e-6
"""Of the norm of a representation; counts where that is above 100."""
OWN_ROUNDING = 1e-5
"""Of a component itself: one of a trained model's is 9,000, and its last digits differ between
processors."""
VIRTUAL = 4
KINDS = ("input", "deep", "lora")
SPECIAL = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
ROPE = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 512, "initializer_range": 0.1,
}
HEADS = ROPE | {"head_dim": 8}
GPT = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 512, "initializer_range": 0.1}
T5 = {
    "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4,
    "decoder_start_token_id": 0,
}
BART = {
    "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4,
    "decoder_attention_heads": 4, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64,
    "max_position_embeddings": 512, "decoder_start_token_id": 2, "forced_eos_token_id": None,
    "init_std": 0.1,
}


@dataclass(frozen=True)
class Architecture:
    """A model to make, and how it is expected to be scored."""

    kind: str
    """In transformers' mapping of configurations."""
    scorer: str
    settings: dict[str, Any]
    deep: bool = True
    """Whether keys and values can stand in front of every layer's, in PEFT's layout."""
    name: str = ""
    targets: str | list[str] = "all-linear"
    """Layers that LoRA changes."""
    nested: bool = False
    """Whether the sizes are those of a text model inside."""
    marks: tuple[pytest.MarkDecorator, ...] = field(default=())

    @property
    def label(self) -> str:
        return self.name or self.kind

    @property
    def encoder_decoder(self) -> bool:
        return self.scorer == "encoder-decoder" or self.kind == "switch_transformers"


SLOW = (pytest.mark.slow,)
ARCHITECTURES = (
    Architecture("llama", "packed", ROPE),
    Architecture("qwen3", "packed", HEADS),
    Architecture("gpt2", "packed", GPT),
    Architecture("opt", "packed", {
        "hidden_size": 32, "num_hidden_layers": 2, "ffn_dim": 64, "num_attention_heads": 4,
        "max_position_embeddings": 512, "word_embed_proj_dim": 32, "init_std": 0.1,
    }),
    Architecture("bloom", "continued", {
        "hidden_size": 32, "n_layer": 2, "n_head": 4, "initializer_range": 0.1,
    }, deep=False),
    Architecture("mpt", "padded", {
        "d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 512, "initializer_range": 0.3,
    }, deep=False),
    Architecture("gpt_neo", "padded", {
        "hidden_size": 32, "num_layers": 2, "num_heads": 4, "window_size": 8,
        "attention_types": [[["global", "local"], 1]], "max_position_embeddings": 512,
        "intermediate_size": 64, "initializer_range": 0.2,
    }),
    Architecture("mistral", "padded", ROPE | {"sliding_window": 8}, deep=False),
    Architecture("gemma3", "padded", HEADS, deep=False, nested=True, marks=SLOW),
    Architecture("qwen2", "packed", ROPE, marks=SLOW),
    Architecture("mixtral", "packed", ROPE | {"num_local_experts": 4}, marks=SLOW),
    Architecture("gemma", "packed", HEADS, marks=SLOW),
    Architecture("gemma2", "padded", HEADS | {"sliding_window": 8}, deep=False, marks=SLOW),
    Architecture("phi", "packed", ROPE, marks=SLOW),
    Architecture("phi3", "packed", ROPE, marks=SLOW),
    Architecture("phi3", "padded", ROPE | {
        "max_position_embeddings": 512, "original_max_position_embeddings": 64,
        "rope_parameters": {
            "rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0] * 4,
            "long_factor": [4.0] * 4, "original_max_position_embeddings": 64,
        },
    }, deep=False, name="phi3-longrope", marks=SLOW),
    Architecture("olmo2", "packed", ROPE, marks=SLOW),
    Architecture("granite", "packed", ROPE, marks=SLOW),
    Architecture("cohere", "packed", ROPE, marks=SLOW),
    Architecture("gpt_neox", "packed", ROPE, deep=False, marks=SLOW),
    Architecture("gptj", "packed", GPT | {"rotary_dim": 4}, marks=SLOW),
    Architecture("gpt_bigcode", "packed", GPT, deep=False, marks=SLOW),
    Architecture("falcon", "packed", {
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
        "initializer_range": 0.1,
    }, deep=False, marks=SLOW),
    Architecture("falcon", "continued", {
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "alibi": True,
        "initializer_range": 0.1,
    }, deep=False, name="falcon-alibi", marks=SLOW),
    Architecture("mamba", "padded", {
        "hidden_size": 32, "num_hidden_layers": 2, "state_size": 8, "initializer_range": 0.1,
    }, deep=False, targets=["in_proj", "x_proj"], marks=SLOW),
    Architecture("t5", "encoder-decoder", T5),
    Architecture("bart", "encoder-decoder", BART),
    Architecture("mt5", "encoder-decoder", T5, marks=SLOW),
    Architecture("umt5", "encoder-decoder", T5, marks=SLOW),
    Architecture("longt5", "encoder-decoder", T5 | {"local_radius": 4}, marks=SLOW),
    Architecture("switch_transformers", "one at a time", T5 | {"num_experts": 2}, marks=SLOW),
    Architecture("pegasus", "encoder-decoder", BART, marks=SLOW),
    Architecture("m2m_100", "encoder-decoder", BART, marks=SLOW),
    Architecture("t5gemma", "encoder-decoder", HEADS, nested=True, marks=SLOW),
)
RULE = "Read the story and say where the person is; answer with one of the options. Story: "
TEXTS = (
    RULE + "Anna is in the kitchen.", RULE + "Ben gave Anna a lamp. " * 4, RULE + "x",
    "Is it red?", "hi", "The lamp is red. " * 7,
)
OPTIONS = ("A", "the kitchen", "in the house")
PROMPTS = [
    Prompt(instruction_id="i", example_id=str(n), text=text, options=OPTIONS)
    for n, text in enumerate(TEXTS)
]


def make_model(made: Architecture, folder: Path) -> Path:
    """Saves a random model with its tokenizer."""
    size = make_tokenizer(folder, encoder_decoder=made.encoder_decoder)
    settings = made.settings | SPECIAL | {"vocab_size": size}
    if made.nested:
        parts = ("encoder", "decoder") if made.encoder_decoder else ("text_config",)
        settings = dict.fromkeys(parts, settings)
    torch.manual_seed(0)
    config = CONFIG_MAPPING[made.kind](**settings)
    family = AutoModelForSeq2SeqLM if made.encoder_decoder else AutoModelForCausalLM
    model = family.from_config(config)
    # Weights of a trained model's size, biases and norms too, so that every part matters.
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    model.save_pretrained(folder)
    return folder


def make_prefix(folder: Path, method: str, width: int) -> Path:
    folder.mkdir()
    config = {"peft_type": method, "num_virtual_tokens": VIRTUAL}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    table = 0.3 * torch.randn(VIRTUAL, width, generator=torch.Generator().manual_seed(2))
    save_file({"prompt_embeddings": table}, folder / "adapter_model.safetensors")
    return folder


def make_lora(folder: Path, base: Path, family: Any, targets: str | list[str]) -> Path:
    model = family.from_pretrained(base)
    config = LoraConfig(
        r=2, lora_alpha=4, target_modules=targets, init_lora_weights=False,
        # The GPT-2 family keeps its weights the other way round.
        fan_in_fan_out=any(isinstance(m, Conv1D) for m in model.modules()),
    )
    torch.manual_seed(3)
    get_peft_model(model, config).save_pretrained(folder)
    return folder


class Plain:
    """Plain transformers: no padding, no mask, one option a call."""

    def __init__(
        self, made: Architecture, engine: TransformersEngine, base: Path, lora: Path | None
    ) -> None:
        self.family = AutoModelForSeq2SeqLM if made.encoder_decoder else AutoModelForCausalLM
        self.seq2seq = made.encoder_decoder
        self.tokenizer = engine.checkpoint.tokenizer
        self.start = engine.checkpoint.decoder_start
        self.end = engine.checkpoint.end
        self.model, beside = (
            self.family.from_pretrained(base, dtype=torch.float32).eval() for _ in range(2)
        )
        self.adapted = beside if lora is None else PeftModel.from_pretrained(beside, lora).eval()
        self.fronts = {
            info.id.partition("+")[2]: engine._served.adapter(info.id).front
            for info in engine.models() if "+" in info.id
        }

    @torch.no_grad()
    def read(self, prompt: Prompt, adapter: str) -> tuple[list[float], np.ndarray]:
        ids = self.tokenizer(prompt.text).input_ids
        sums, vector = [], np.empty(0)
        for option in prompt.options:
            tail = [*self.tokenizer(option, add_special_tokens=False).input_ids, self.end]
            logits, states = self.forward(ids, tail, adapter)
            scores = logits[-len(tail):].log_softmax(-1)
            sums.append(float(scores[range(len(tail)), tail].sum()))
            vector = states[-len(tail)].numpy()
        return sums, vector

    def forward(self, ids: list[int], tail: list[int], adapter: str) -> tuple[Any, Any]:
        model = self.adapted if adapter == "lora" else self.model
        front = self.fronts.get(adapter)
        read = ids if self.seq2seq else [*ids, *tail[:-1]]
        arguments: dict[str, Any] = {"input_ids": torch.tensor([read])}
        if adapter == "input":
            embeds = self.model.get_input_embeddings()(arguments.pop("input_ids"))
            arguments["inputs_embeds"] = torch.cat([front[None], embeds], dim=1)
        arguments["output_hidden_states"] = True
        if self.seq2seq:
            decoder = torch.tensor([[self.start, *tail[:-1]]])
            out = model(**arguments, decoder_input_ids=decoder)
            return out.logits[0], out.decoder_hidden_states[-2][0]
        if adapter == "deep":
            cache = DynamicCache()
            for number, (keys, values) in enumerate(zip(front.keys, front.values, strict=True)):
                cache.update(keys[None], values[None], number)
            out = cached_forward(model, cache, **arguments)
        else:
            out = model(**arguments)
        return out.logits[0], out.hidden_states[-2][0]


def agree(
    readings: list[Reading], wanted: list[tuple[list[float], np.ndarray]], what: str
) -> None:
    for reading, (sums, vector) in zip(readings, wanted, strict=True):
        np.testing.assert_allclose(
            reading.option_logprobs, sums, rtol=0, atol=TOLERANCE, err_msg=what
        )
        # A trained model's states have components of 500, whose float32 are 6e-5 apart.
        room = max(TOLERANCE, float(np.linalg.norm(vector)) * ROUNDING)
        np.testing.assert_allclose(
            reading.representation, vector, rtol=OWN_ROUNDING, atol=room, err_msg=what
        )


@pytest.fixture
def short_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starts are shared however little that saves; else so small a model would share none."""
    monkeypatch.setattr(packed, "cost_of_a_pass", lambda checkpoint: 0.0)


@pytest.mark.usefixtures("short_starts")
@pytest.mark.parametrize(
    "made", [pytest.param(a, id=a.label, marks=a.marks) for a in ARCHITECTURES]
)
def test_every_architecture_reads_as_plain_transformers(
    made: Architecture, tmp_path: Path
) -> None:
    base = make_model(made, tmp_path / made.label)
    family = AutoModelForSeq2SeqLM if made.encoder_decoder else AutoModelForCausalLM
    lora = make_lora(tmp_path / "lora", base, family, made.targets)
    folders = {"input": make_prefix(tmp_path / "input", "P_TUNING", 32), "lora": lora}
    if made.deep and not made.encoder_decoder:
        layers, heads, width = adapters.key_shape(family.from_pretrained(base).config)
        wide = layers * 2 * heads * width
        folders["deep"] = make_prefix(tmp_path / "deep", "PREFIX_TUNING", wide)
    engine = TransformersEngine(base, prefixes=folders, device="cpu")
    plain = Plain(made, engine, base, lora)
    assert not engine.withheld()
    for info in engine.models():
        assert info.scorer == made.scorer, info.slower
        adapter = info.id.partition("+")[2]
        wanted = [plain.read(prompt, adapter) for prompt in PROMPTS]
        agree(engine.read(info.id, PROMPTS), wanted, f"{info.id}, batched")
        alone = [engine.read(info.id, [prompt])[0] for prompt in PROMPTS]
        agree(alone, wanted, f"{info.id}, alone")
    assert len(engine.models()) == 1 + len(folders)
