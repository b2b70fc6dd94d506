"""Deep prefixes and LoRA in the engine, against PEFT's own forward pass."""

import asyncio
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
)

from robustness import paths
from robustness.errors import InputError, MismatchError, ModelNotFoundError
from robustness.models import adapters, checkpoint
from robustness.models.adapters import Kind, Loader
from robustness.models.transformers_engine import TransformersEngine
from robustness.training.alignment.recipe import AlignRecipe
from robustness.training.alignment.trainee import Trainee
from robustness.types import GenerationSettings, Prompt
from tests.conftest import make_tokenizer

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")

OPTIONS = ("food", "the kitchen", "A")
TEXTS = ["Anna is in the kitchen.", "Is it red? " * 9, "x", "Choose one of the options: A. B."]
PROMPTS = [
    Prompt(instruction_id="i", example_id=str(n), text=text, options=OPTIONS)
    for n, text in enumerate(TEXTS)
]


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random decoder-only models, one with rotary positions and one with learned ones."""
    folder = tmp_path_factory.mktemp("adapted") / request.param
    torch.manual_seed(0)
    size = make_tokenizer(folder, encoder_decoder=False)
    shape = {"vocab_size": size, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    if request.param == "gpt2":
        config = GPT2Config(**shape, n_embd=32, n_layer=3, n_head=4, n_positions=512)
        GPT2LMHeadModel(config).save_pretrained(folder)
    else:
        llama = LlamaConfig(
            **shape, hidden_size=32, intermediate_size=64, num_hidden_layers=3,
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512,
            initializer_range=0.1,
        )
        LlamaForCausalLM(llama).save_pretrained(folder)
    return folder


def make(model: Path, out: Path, method: str, seed: int = 1) -> Path:
    """An adapter with random values, saved as training saves it."""
    loaded = checkpoint.load(model, device="cpu")
    trainee = Trainee(AlignRecipe(out=out, method=method, virtual_tokens=4, seed=seed), loaded)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in trainee.parameters.values():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    trainee.save(out, "# card\n")
    return out


PEFT_NAMES_THE_CACHE_AS_BEFORE = pytest.mark.filterwarnings(
    "ignore:`past_key_values` is deprecated"
)


def by_peft(model: Path, adapter: Path) -> list[tuple[list[float], np.ndarray]]:
    """Each prompt's option log-probabilities and representation, one option at a time."""
    base = AutoModelForCausalLM.from_pretrained(model)
    wrapped = PeftModel.from_pretrained(base, adapter).eval()
    loaded = checkpoint.load(model, device="cpu")
    made = []
    for text in TEXTS:
        ids = loaded.tokenizer(text).input_ids
        sums, vector = [], np.empty(0)
        for option in OPTIONS:
            tail = [*loaded.tokenizer(option, add_special_tokens=False).input_ids, loaded.end]
            row = torch.tensor([[*ids, *tail[:-1]]])
            with torch.no_grad():
                out = wrapped(
                    input_ids=row, attention_mask=torch.ones_like(row), output_hidden_states=True
                )
            scores = out.logits[0, -len(tail):].log_softmax(-1)
            sums.append(float(scores[range(len(tail)), tail].sum()))
            vector = out.hidden_states[-2][0, -len(tail)].numpy()
        made.append((sums, vector))
    return made


@PEFT_NAMES_THE_CACHE_AS_BEFORE
@pytest.mark.parametrize("method", ["deep+kl", "lora+kl"])
def test_readings_equal_those_of_peft_in_batches_of_uneven_lengths(
    method: str, model: Path, tmp_path: Path
) -> None:
    adapter = make(model, tmp_path / "a", method)
    engine = TransformersEngine(model, prefixes={"a": adapter}, device="cpu")
    plain, changed = (info.id for info in engine.models())
    readings = engine.read(changed, PROMPTS)
    for (sums, vector), reading in zip(by_peft(model, adapter), readings, strict=True):
        np.testing.assert_allclose(reading.option_logprobs, sums, rtol=0, atol=1e-4)
        np.testing.assert_allclose(reading.representation, vector, rtol=0, atol=1e-4)
    first = engine.read(plain, PROMPTS)[0]
    assert np.abs(first.representation - readings[0].representation).max() > 1e-2


def test_prompts_that_share_a_start_read_alike_behind_a_deep_prefix(
    model: Path, tmp_path: Path
) -> None:
    adapter = make(model, tmp_path / "a", "deep")
    rule = "Say where the person in the story is and answer with one of the options. " * 4
    asked = [
        Prompt(instruction_id="r", example_id=p.example_id, text=rule + p.text, options=OPTIONS)
        for p in PROMPTS
    ]
    made = [
        TransformersEngine(model, prefixes={"a": adapter}, device="cpu", share_starts=share)
        for share in (True, False)
    ]
    name = made[0].models()[1].id
    for one, other in zip(made[0].read(name, asked), made[1].read(name, asked), strict=True):
        np.testing.assert_allclose(one.option_logprobs, other.option_logprobs, rtol=0, atol=1e-4)


async def _text(engine: TransformersEngine, name: str, prompt: str) -> str:
    settings = GenerationSettings(max_tokens=8, temperature=0.0)
    return "".join([chunk.text async for chunk in engine.stream(name, prompt, settings)])


@PEFT_NAMES_THE_CACHE_AS_BEFORE
@pytest.mark.parametrize("method", ["deep+kl", "lora+kl"])
def test_generated_text_is_the_most_probable_by_peft(
    method: str, model: Path, tmp_path: Path
) -> None:
    adapter = make(model, tmp_path / "a", method)
    engine = TransformersEngine(model, prefixes={"a": adapter}, device="cpu")
    made = asyncio.run(_text(engine, engine.models()[1].id, TEXTS[0]))
    wrapped = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(model), adapter).eval()
    loaded = checkpoint.load(model, device="cpu")
    ids = loaded.tokenizer(TEXTS[0]).input_ids
    start = len(ids)
    for _ in range(8):
        row = torch.tensor([ids])
        with torch.no_grad():
            out = wrapped(input_ids=row, attention_mask=torch.ones_like(row))
        token = int(out.logits[0, -1].argmax())
        if token == loaded.end:
            break
        ids.append(token)
    assert made == loaded.tokenizer.decode(ids[start:], skip_special_tokens=True)


def test_lora_in_an_encoder_decoder_model_equals_peft(tiny_t5: Path, tmp_path: Path) -> None:
    adapter = make(tiny_t5, tmp_path / "a", "lora+kl")
    engine = TransformersEngine(tiny_t5, prefixes={"a": adapter}, device="cpu")
    readings = engine.read(engine.models()[1].id, PROMPTS)
    wrapped = PeftModel.from_pretrained(
        AutoModelForSeq2SeqLM.from_pretrained(tiny_t5), adapter
    ).eval()
    tokenizer = engine.checkpoint.tokenizer
    for prompt, reading in zip(PROMPTS, readings, strict=True):
        tail = [*tokenizer(OPTIONS[0], add_special_tokens=False).input_ids, 2]
        with torch.no_grad():
            out = wrapped(
                input_ids=torch.tensor([tokenizer(prompt.text).input_ids]),
                decoder_input_ids=torch.tensor([[0, *tail[:-1]]]), output_hidden_states=True,
            )
        vector = out.decoder_hidden_states[-2][0, 0].numpy()
        # The random T5 has states of several hundred.
        np.testing.assert_allclose(reading.representation, vector, rtol=1e-4, atol=1e-4)
        scores = out.logits[0].log_softmax(-1)
        want = float(scores[range(len(tail)), tail].sum())
        assert reading.option_logprobs[0] == pytest.approx(want, rel=1e-4)


def test_threads_that_read_through_different_adapters_do_not_disturb_each_other(
    tiny_llama: Path, tmp_path: Path
) -> None:
    folders = {
        "a": make(tiny_llama, tmp_path / "a", "lora", seed=1),
        "b": make(tiny_llama, tmp_path / "b", "lora", seed=2),
        "c": make(tiny_llama, tmp_path / "c", "deep"),
    }
    engine = TransformersEngine(tiny_llama, prefixes=folders, device="cpu", batch_tokens=1)
    names = [info.id for info in engine.models()]
    want = {name: engine.read(name, PROMPTS) for name in names}
    wrong: list[str] = []

    def ask(name: str) -> None:
        for _ in range(4):
            for one, other in zip(engine.read(name, PROMPTS), want[name], strict=True):
                if not np.array_equal(one.option_logprobs, other.option_logprobs):
                    wrong.append(name)

    threads = [threading.Thread(target=ask, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names) == 4 and not wrong


def test_what_a_model_cannot_take_is_withheld_with_the_reason(
    tiny_llama: Path, tiny_t5: Path, tmp_path: Path
) -> None:
    deep = make(tiny_llama, tmp_path / "deep", "deep")
    engine = TransformersEngine(tiny_t5, prefixes={"deep": deep}, device="cpu")
    assert [info.id for info in engine.models()] == ["tiny-t5"]
    (left,) = engine.withheld()
    assert left.id == "tiny-t5+deep" and "encoder" in left.reason
    with pytest.raises(ModelNotFoundError, match="encoder"):
        engine.read("tiny-t5+deep", PROMPTS)
    loaded = checkpoint.load(tiny_t5, device="cpu")
    with pytest.raises(InputError, match="cannot be trained on tiny-t5"):
        Trainee(AlignRecipe(out=tmp_path, method="deep+kl"), loaded)


def test_adapters_that_do_not_fit_are_refused_by_name(
    tiny_llama: Path, backbone: Path, tmp_path: Path
) -> None:
    loader = Loader(checkpoint.load(backbone, device="cpu"))
    for method, message in (("deep", "needs"), ("lora", "fits no layer")):
        folder = make(tiny_llama, tmp_path / method, method)
        assert adapters.kind_of(folder) is (Kind.DEEP if method == "deep" else Kind.LORA)
        with pytest.raises(MismatchError, match=message):
            loader.load("x", folder)
    config = tmp_path / "lora" / "adapter_config.json"
    own = json.loads(config.read_text())
    config.write_text(json.dumps(own | {"peft_type": "IA3"}))
    with pytest.raises(MismatchError, match="IA3"):
        adapters.kind_of(tmp_path / "lora")


MANY_FORMS: dict[str, dict[str, Any]] = {
    "DoRA": {"use_dora": True},
    "patterns": {
        "rank_pattern": {"q_proj": 3, "c_attn": 3}, "alpha_pattern": {"v_proj": 5, "c_fc": 5}
    },
    "rank-stabilised": {"use_rslora": True},
    "a whole head": {"modules_to_save": ["lm_head"]},
    "whole embeddings": {"modules_to_save": ["embed_tokens", "wte"]},
    "biases of its own": {"lora_bias": True},
    "some tokens": {"trainable_token_indices": [40, 41, 42]},
    "all of them": {
        "use_dora": True, "rank_pattern": {"q_proj": 3, "c_attn": 3},
        "alpha_pattern": {"v_proj": 5, "c_fc": 5}, "modules_to_save": ["lm_head"],
    },
}


def hub_adapter(model: Path, out: Path, seed: int = 3, **options: Any) -> Path:
    """A LoRA adapter with random values, made and saved by PEFT alone."""
    base = AutoModelForCausalLM.from_pretrained(model)
    names = {name.rpartition(".")[2] for name, _ in base.named_modules()}
    if wanted := options.get("modules_to_save"):
        options["modules_to_save"] = [name for name in wanted if name in names]
    config = LoraConfig(
        task_type="CAUSAL_LM", r=4, lora_alpha=9, fan_in_fan_out="c_attn" in names,
        **{"target_modules": "all-linear"} | options,
    )
    torch.manual_seed(seed)
    peft = get_peft_model(base, config)
    with torch.no_grad():
        for parameter in peft.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn(parameter.shape))
    peft.save_pretrained(out)
    return out


TIED = pytest.mark.filterwarnings("ignore:Model has `tie_word_embeddings=True`")
WARNINGS_OF_PEFT = [
    TIED,
    pytest.mark.filterwarnings("ignore:The following (rank|alpha)_pattern keys:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore:`lora_bias=True` was passed"),
    # It takes biases of matrices for matrices that were cut.
    pytest.mark.filterwarnings("ignore:Adapter 'default'. [0-9]+ LoRA tensor"),
]


@pytest.mark.parametrize(
    "form", [pytest.param(form, marks=WARNINGS_OF_PEFT) for form in MANY_FORMS]
)
def test_every_form_of_lora_from_the_hub_equals_peft_and_leaves_the_original_as_it_was(
    form: str, model: Path, tmp_path: Path
) -> None:
    folders = {
        "plain": make(model, tmp_path / "plain", "lora"),
        "a": hub_adapter(model, tmp_path / "a", **MANY_FORMS[form]),
        "b": hub_adapter(model, tmp_path / "b", seed=4, **MANY_FORMS[form]),
    }
    alone = TransformersEngine(model, device="cpu", name="m")
    layers = [name for name, _ in alone.checkpoint.model.named_modules()]
    engine = TransformersEngine(model, prefixes=folders, device="cpu", name="m")
    assert [name for name, _ in engine.checkpoint.model.named_modules()] == layers
    want = alone.read("m", PROMPTS)
    for name in ("m+a", "m", "m+b", "m+plain", "m"):
        readings = engine.read(name, PROMPTS)
        for reading, original in zip(readings, want, strict=True):
            same = np.array_equal(reading.option_logprobs, original.option_logprobs)
            assert same == (name == "m")
            same = np.array_equal(reading.representation, original.representation)
            assert same == (name == "m")
        if name != "m":
            for (sums, vector), reading in zip(
                by_peft(model, folders[name[2:]]), readings, strict=True
            ):
                np.testing.assert_allclose(reading.option_logprobs, sums, rtol=1e-6, atol=1e-5)
                np.testing.assert_allclose(reading.representation, vector, rtol=1e-6, atol=1e-5)


@TIED
def test_streams_of_the_original_and_of_adapters_take_turns_undisturbed(
    model: Path, tmp_path: Path
) -> None:
    folders = {
        "a": hub_adapter(model, tmp_path / "a", use_dora=True, modules_to_save=["lm_head"]),
        "b": make(model, tmp_path / "b", "lora"),
    }
    engine = TransformersEngine(model, prefixes=folders, device="cpu")
    names = [info.id for info in engine.models()]

    async def together() -> list[str]:
        return await asyncio.gather(*(_text(engine, name, TEXTS[0]) for name in names))

    one_by_one = [asyncio.run(_text(engine, name, TEXTS[0])) for name in names]
    assert asyncio.run(together()) == one_by_one
    assert one_by_one[0] == asyncio.run(
        _text(TransformersEngine(model, device="cpu"), names[0], TEXTS[0])
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("init_lora_weights", "pissa"), ("init_lora_weights", "olora"), ("bias", "all"),
        ("layer_replication", [[0, 2], [1, 3]]), ("alora_invocation_tokens", [5, 6]),
        ("arrow_config", {"top_k": 2}), ("invented_next_year", True),
    ],
)
def test_lora_that_cannot_share_a_model_is_refused_by_the_name_of_what_it_uses(
    key: str, value: Any, tiny_llama: Path, tmp_path: Path
) -> None:
    folder = make(tiny_llama, tmp_path / "a", "lora")
    config = folder / "adapter_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {key: value}))
    with pytest.raises(MismatchError, match=f"adapter a uses {key}="):
        TransformersEngine(tiny_llama, prefixes={"a": folder}, device="cpu")


def test_lora_with_a_damaged_configuration_is_refused(tiny_llama: Path, tmp_path: Path) -> None:
    folder = make(tiny_llama, tmp_path / "a", "lora")
    config = folder / "adapter_config.json"
    for key, value in (("rank_pattern", "x"), ("alpha_pattern", [1]), ("r", {})):
        sound = config.read_text()
        config.write_text(json.dumps(json.loads(sound) | {key: value}))
        with pytest.raises(MismatchError):
            TransformersEngine(tiny_llama, prefixes={"a": folder}, device="cpu")
        config.write_text(sound)


def test_lora_whose_weights_are_not_what_its_configuration_says_is_refused_by_their_names(
    tiny_llama: Path, tmp_path: Path
) -> None:
    folder = make(tiny_llama, tmp_path / "a", "lora")
    weights = folder / "adapter_model.safetensors"
    tensors = load_file(weights)
    first = sorted(tensors)[0]
    strange = "base_model.model.model.layers.9.q_proj.lora_A.weight"
    grown = "base_model.model.model.embed_tokens.weight"
    embeddings = checkpoint.load(tiny_llama).model.get_input_embeddings().weight
    for changed, message in (
        ({k: v for k, v in tensors.items() if k != first}, "lacks model.layers.0"),
        (tensors | {strange: tensors[first].clone()}, "has no place for model.layers.9"),
        (tensors | {grown: embeddings + 1}, "embed_tokens.weight .* differ"),
    ):
        save_file(changed, weights)
        with pytest.raises(MismatchError, match=message):
            TransformersEngine(tiny_llama, prefixes={"a": folder}, device="cpu")
    save_file(tensors | {grown: embeddings.clone()}, weights)
    assert len(TransformersEngine(tiny_llama, prefixes={"a": folder}).models()) == 2


@pytest.mark.slow
def test_peft_is_imported_for_lora_and_for_nothing_else() -> None:
    shipped = adapters.shipped(paths.BACKBONE)
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from robustness.models.transformers_engine import TransformersEngine\n"
        "model, *soft, lora = sys.argv[1:]\n"
        "for named in ([], soft, [lora]):\n"
        "    prefixes = {Path(p).name: Path(p) for p in named}\n"
        "    TransformersEngine(model, prefixes=prefixes, device='cpu')\n"
        "    print('peft' in sys.modules)"
    )
    folders = [str(shipped[name]) for name in ("pt-kl", "deep-kl", "lora-kl")]
    made = subprocess.run(
        [sys.executable, "-c", code, str(paths.BACKBONE), *folders],
        capture_output=True, text=True, check=True,
    )
    assert made.stdout.split() == ["False", "False", "True"]
