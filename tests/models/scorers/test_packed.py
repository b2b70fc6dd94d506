from dataclasses import replace
from functools import wraps
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
)

from robustness.models.batching import Item
from robustness.models.cached_forward import cache_of, cached_forward
from robustness.models.checkpoint import load
from robustness.models.scorers import packed
from robustness.models.transformers_engine import TransformersEngine
from robustness.types import Prompt
from tests.conftest import make_tokenizer
from tests.models.test_transformers_engine import alone, make_prefix

REAL_COST = packed.cost_of_a_pass
RULE = "Read the story and say where the person is; answer with one of the options. Story: "
STORIES = ["Anna is in the kitchen.", "Ben gave Anna a lamp. " * 9, "x", "", "The lamp is red."]
OPTIONS = ("the kitchen", "A", "in the house")


def prompts(*starts: str) -> list[Prompt]:
    return [
        Prompt(instruction_id=start, example_id=story, text=start + story, options=OPTIONS)
        for start in starts
        for story in STORIES
    ]


def long_prompts(engine: TransformersEngine) -> list[Prompt]:
    """Two that nearly fill the context, one behind a start that others have too."""
    made = []
    for start in (RULE, "Who? "):
        story = "Anna is in the kitchen."
        while engine.count_tokens("llama", [start + story])[0] < 480:
            story += " The lamp is red."
        made.append(replace(prompts(start)[0], example_id="long", text=start + story))
    return made


def save(family: str, folder: Path) -> Path:
    """A random model; its weights are as small as a trained one's, so that 1e-5 means something."""
    torch.manual_seed(0)
    size = make_tokenizer(folder, encoder_decoder=False)
    shape = {"vocab_size": size, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    rotary = shape | {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512,
        "initializer_range": 0.1,
    }
    if family == "gpt2":
        config = GPT2Config(**shape, n_embd=32, n_layer=3, n_head=4, n_positions=512)
        GPT2LMHeadModel(config).save_pretrained(folder)
    elif family == "mistral":
        MistralForCausalLM(MistralConfig(**rotary, sliding_window=8)).save_pretrained(folder)
    else:
        LlamaForCausalLM(LlamaConfig(**rotary)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save("llama", tmp_path_factory.mktemp("packed") / "llama")


@pytest.fixture(autouse=True)
def cheap_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else so small a model would share next to nothing."""
    monkeypatch.setattr(packed, "cost_of_a_pass", lambda checkpoint: 8.0)


@pytest.mark.parametrize("prefixed", [False, True])
@pytest.mark.parametrize("batch_tokens", [1, 150, 1024, 10**6])
def test_a_reading_does_not_depend_on_the_batch(
    llama: Path, tmp_path: Path, prefixed: bool, batch_tokens: int
) -> None:
    prefixes = {"soft": make_prefix(tmp_path / "soft", 32)}
    engine = TransformersEngine(
        llama, prefixes=prefixes, device="cpu", batch_tokens=batch_tokens
    )
    unshared = TransformersEngine(llama, prefixes=prefixes, device="cpu", share_starts=False)
    model = engine.models()[prefixed].id
    asked = [*prompts(RULE, "Where? ", RULE[:40]), *prompts(RULE)[:1], *long_prompts(engine)]
    tokenizer = engine.checkpoint.tokenizer
    # What the batch must not matter for: options and prompts of very different lengths.
    assert len({len(tokenizer(o, add_special_tokens=False).input_ids) for o in OPTIONS}) == 3
    lengths = [len(tokenizer(prompt.text).input_ids) for prompt in asked]
    assert min(lengths) < 10 and max(lengths) > 470
    for prompt, reading in zip(asked, engine.read(model, asked), strict=True):
        single = unshared.read(model, [prompt])[0]
        assert reading.prompt_id == single.prompt_id
        np.testing.assert_allclose(
            reading.option_logprobs, single.option_logprobs, rtol=0, atol=1e-5
        )
        np.testing.assert_allclose(
            reading.representation, single.representation, rtol=0, atol=1e-5
        )


def test_the_embedded_backbone_reads_the_same_in_any_batch(backbone: Path) -> None:
    engine = TransformersEngine(backbone, device="cpu")
    asked = prompts(RULE, "Where? ")
    for prompt, reading in zip(asked, engine.read("steadfast-mini", asked), strict=True):
        single = engine.read("steadfast-mini", [prompt])[0]
        np.testing.assert_allclose(
            reading.option_logprobs, single.option_logprobs, rtol=0, atol=1e-5
        )
        np.testing.assert_allclose(
            reading.representation, single.representation, rtol=0, atol=1e-5
        )


@pytest.mark.parametrize("family", ["llama", "gpt2", "mistral"])
@pytest.mark.parametrize("prefixed", [False, True])
def test_every_family_reads_as_one_row_without_padding(
    family: str, prefixed: bool, tmp_path: Path
) -> None:
    prefixes = {"soft": make_prefix(tmp_path / "soft", 32)}
    engine = TransformersEngine(
        save(family, tmp_path / family), device="cpu", prefixes=prefixes
    )
    model = engine.models()[prefixed].id
    table = engine._served.adapter(model).front if prefixed else None
    asked = prompts(RULE, "Where? ")
    for prompt, reading in zip(asked, engine.read(model, asked), strict=True):
        sums, vector = alone(engine, prompt, table)
        np.testing.assert_allclose(reading.option_logprobs, sums, rtol=0, atol=2e-5)
        np.testing.assert_allclose(reading.representation, vector, rtol=0, atol=2e-5)


def test_a_shared_start_is_computed_once(llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = TransformersEngine(llama, device="cpu", batch_tokens=200)
    tokens, forward = 0, engine.checkpoint.model.forward

    @wraps(forward)
    def counted(**arguments: torch.Tensor) -> object:
        nonlocal tokens
        tokens += arguments["inputs_embeds"].shape[:2].numel()
        return forward(**arguments)

    asked = [
        Prompt(instruction_id="i", example_id=str(n), text=RULE + str(n), options=("A",))
        for n in range(10)
    ]
    length = engine.count_tokens("llama", [RULE])[0]
    monkeypatch.setattr(engine.checkpoint.model, "forward", counted)
    engine.read("llama", asked)
    assert tokens <= length + 10 * 4


@pytest.mark.parametrize("shared", [60, 300])
def test_a_shared_start_counts_half_in_a_batch(
    llama: Path, monkeypatch: pytest.MonkeyPatch, shared: int
) -> None:
    endings = "abcdefghijklmnop"
    # Each row has a token of its own and one of its option beside half of the start.
    budget = len(endings) * (shared // 2 + 2)
    engine = TransformersEngine(llama, device="cpu", batch_tokens=budget)
    rows, forward = [], engine.checkpoint.model.forward

    @wraps(forward)
    def seen(**arguments: torch.Tensor) -> object:
        rows.append(len(arguments["inputs_embeds"]))
        return forward(**arguments)

    start = "x" * (shared - 1)  # One more token begins the text.
    assert engine.count_tokens("llama", [start, start + "a"]) == [shared, shared + 1]
    asked = [
        Prompt(instruction_id="i", example_id=e, text=start + e, options=("A",)) for e in endings
    ]
    monkeypatch.setattr(engine.checkpoint.model, "forward", seen)
    engine.read("llama", asked)
    assert rows == [1, len(endings)]


def test_rows_leave_nothing_in_the_cache_of_their_start(llama: Path) -> None:
    model = load(llama, device="cpu").model
    start = cache_of(cached_forward(model, None, input_ids=torch.tensor([[1, 2, 3]])))
    cache = packed.repeated(start, 5)
    kept = [layer.keys for layer in cache.layers]
    cached_forward(model, cache, input_ids=torch.ones((5, 7), dtype=torch.long), use_cache=True)
    assert cache.get_seq_length() == 3
    assert all(layer.keys is keys for layer, keys in zip(cache.layers, kept, strict=True))


def test_more_options_than_fit_a_row_are_read_in_parts(
    llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = tuple(f"the room {n}" for n in range(30))
    asked = [
        Prompt(instruction_id="i", example_id=story, text=RULE + story, options=options)
        for story in STORIES
    ]
    engine = TransformersEngine(llama, device="cpu")
    whole = engine.read("llama", asked)
    monkeypatch.setattr(packed, "_OPTION_TOKENS", 20)
    assert len(list(packed.in_parts(Item(0, [1], [[3, 4, 5]] * 30)))) == 3
    for one, other in zip(whole, engine.read("llama", asked), strict=True):
        np.testing.assert_allclose(
            one.option_logprobs, other.option_logprobs, rtol=0, atol=1e-5
        )


def test_a_pass_weighs_more_on_a_thin_model(llama: Path, backbone: Path) -> None:
    thin, wider = (REAL_COST(load(m, device="cpu")) for m in (llama, backbone))
    assert thin > wider > 20
