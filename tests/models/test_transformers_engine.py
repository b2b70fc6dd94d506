import asyncio
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from robustness.errors import CorruptFileError, InputError, MismatchError, NotFoundError
from robustness.models.transformers_engine import TransformersEngine
from robustness.types import CompletionChunk, GenerationSettings, Prompt

PROMPTS = [
    Prompt(instruction_id="i", example_id="e", text=text, options=options)
    for text, options in [
        ("Is it red?", ("yes", "no", "the kitchen")),
        ("Anna is in the kitchen. Where is Anna? Answer:", ("kitchen", "A")),
        ("hi", ()),
    ]
]


def make_prefix(folder: Path, width: int, rows: int = 4) -> Path:
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text(
        json.dumps({"peft_type": "P_TUNING", "num_virtual_tokens": rows})
    )
    table = torch.randn(rows, width, generator=torch.Generator().manual_seed(1))
    save_file({"prompt_embeddings": table}, folder / "adapter_model.safetensors")
    return folder


def alone(engine: TransformersEngine, prompt: Prompt, table: torch.Tensor | None = None):
    """Option sums and the representation, one row at a time, without padding or cache."""
    model, tokenizer = engine.checkpoint.model, engine.checkpoint.tokenizer
    embed = model.get_input_embeddings()
    ids = tokenizer(prompt.text).input_ids
    front = [] if table is None else [table]
    sums, vector = [], None
    for option in prompt.options:
        own = [*tokenizer(option, add_special_tokens=False).input_ids, engine.checkpoint.end]
        with torch.no_grad():
            if engine.checkpoint.encoder_decoder:
                out = model(
                    inputs_embeds=torch.cat([*front, embed(torch.tensor(ids))])[None],
                    decoder_input_ids=torch.tensor([[0, *own[:-1]]]), output_hidden_states=True,
                )
                logits, vector = out.logits[0], out.decoder_hidden_states[-2][0, 0]
            else:
                embeds = torch.cat([*front, embed(torch.tensor(ids + own))])[None]
                out = model(inputs_embeds=embeds, output_hidden_states=True)
                last = embeds.shape[1] - len(own) - 1
                logits, vector = out.logits[0, last:], out.hidden_states[-2][0, last]
        scores = logits.log_softmax(-1)
        sums.append(sum(float(scores[n, token]) for n, token in enumerate(own)))
    return sums, vector


@pytest.mark.parametrize("family", ["tiny_llama", "tiny_t5"])
@pytest.mark.parametrize("prefixed", [False, True])
def test_batched_readings_equal_unpadded_passes(
    family: str, prefixed: bool, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    prefix = make_prefix(tmp_path / "soft", 32)
    engine = TransformersEngine(
        request.getfixturevalue(family), prefixes={"soft": prefix}, device="cpu"
    )
    model = engine.models()[int(prefixed)].id
    table = load_file(prefix / "adapter_model.safetensors")["prompt_embeddings"]
    readings = engine.read(model, PROMPTS)
    for prompt, reading in zip(PROMPTS[:2], readings, strict=False):
        sums, vector = alone(engine, prompt, table if prefixed else None)
        np.testing.assert_allclose(reading.option_logprobs, sums, rtol=1e-4)
        np.testing.assert_allclose(reading.representation, vector, rtol=1e-3, atol=1e-3)
    assert readings[2].option_logprobs.shape == (0,)


def test_small_batches_change_nothing(tiny_llama: Path, tiny_engine: TransformersEngine) -> None:
    small = TransformersEngine(tiny_llama, device="cpu", batch_tokens=8)
    model = small.models()[0].id
    for one, other in zip(
        small.read(model, PROMPTS), tiny_engine.read(model, PROMPTS), strict=True
    ):
        assert one.prompt_id == other.prompt_id
        np.testing.assert_allclose(one.option_logprobs, other.option_logprobs, rtol=1e-4)


def test_a_bare_text_is_represented_as_in_a_reading(tiny_engine: TransformersEngine) -> None:
    model = tiny_engine.models()[0].id
    vector = tiny_engine.represent(model, [PROMPTS[0].text])[0]
    reading = tiny_engine.read(model, PROMPTS[:1])[0]
    np.testing.assert_allclose(vector, reading.representation, atol=1e-4)
    assert vector.dtype == np.float32


def test_the_spec_names_revision_and_prefix(tiny_llama: Path, tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "soft", 32)
    engine = TransformersEngine(tiny_llama, prefixes={"soft": prefix}, device="cpu")
    original, aligned = engine.models()
    assert aligned.id == "tiny-llama+soft"
    assert original.spec.prefix is None
    assert aligned.spec.prefix.startswith("soft@")
    assert original.spec.revision == aligned.spec.revision


def test_a_prefix_of_another_width_is_refused(tiny_llama: Path, tmp_path: Path) -> None:
    with pytest.raises(MismatchError, match=r"\(n, 32\)"):
        TransformersEngine(
            tiny_llama, prefixes={"wide": make_prefix(tmp_path / "wide", 64)}, device="cpu"
        )


def test_weights_that_are_not_numbers_are_refused(tiny_llama: Path, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(tiny_llama, folder)
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"] = torch.full_like(tensors["model.norm.weight"], float("nan"))
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CorruptFileError, match=r"model\.norm\.weight"):
        TransformersEngine(folder, device="cpu")


def test_an_unknown_model_and_a_long_prompt_are_refused(tiny_engine: TransformersEngine) -> None:
    with pytest.raises(NotFoundError, match="tiny-llama"):
        tiny_engine.read("other", PROMPTS)
    long = Prompt(instruction_id="i", example_id="e", text="x y " * 600, options=("a",))
    with pytest.raises(InputError, match="512"):
        tiny_engine.read(tiny_engine.models()[0].id, [long])


def gather(engine: TransformersEngine, settings: GenerationSettings) -> list[CompletionChunk]:
    async def run() -> list[CompletionChunk]:
        stream = engine.stream(engine.models()[0].id, "Is it red?", settings)
        return [chunk async for chunk in stream]

    return asyncio.run(run())


@pytest.mark.parametrize("family", ["tiny_llama", "tiny_t5"])
def test_a_greedy_stream_follows_the_most_probable_tokens(
    family: str, request: pytest.FixtureRequest
) -> None:
    engine = TransformersEngine(request.getfixturevalue(family), device="cpu")
    chunks = gather(engine, GenerationSettings(max_tokens=6, logprobs=2))
    ids = engine.checkpoint.tokenizer("Is it red?", return_tensors="pt").input_ids
    wanted = engine.checkpoint.model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=6, do_sample=False
    )[0]
    start = 1 if engine.checkpoint.encoder_decoder else ids.shape[1]
    text = engine.checkpoint.tokenizer.decode(wanted[start:], skip_special_tokens=True)
    assert "".join(c.text for c in chunks) == text
    assert chunks[-1].finish_reason in ("stop", "length")
    logprobs = [t for c in chunks for t in c.logprobs]
    assert len(logprobs) == chunks[-1].completion_tokens
    assert all(t.logprob == pytest.approx(t.top[0][1]) for t in logprobs)


def test_a_seed_repeats_a_stream_and_a_stop_string_ends_it(
    tiny_engine: TransformersEngine,
) -> None:
    settings = GenerationSettings(max_tokens=20, temperature=1.0, top_p=0.9, seed=3)
    first = "".join(c.text for c in gather(tiny_engine, settings))
    assert first == "".join(c.text for c in gather(tiny_engine, settings))
    stop = first[4:6]
    cut = gather(
        tiny_engine,
        GenerationSettings(max_tokens=20, temperature=1.0, top_p=0.9, seed=3, stop=(stop,)),
    )
    assert "".join(c.text for c in cut) == first[: first.index(stop)]
    assert cut[-1].finish_reason == "stop"


def test_closing_the_iterator_stops_the_generation(tiny_engine: TransformersEngine) -> None:
    async def run() -> str:
        settings = GenerationSettings(max_tokens=400, temperature=1.0, seed=1)
        stream = tiny_engine.stream(tiny_engine.models()[0].id, "Is it red?", settings)
        first = await anext(aiter(stream))
        await stream.aclose()
        return first.text

    assert asyncio.run(run())


def test_the_embedded_backbone_reads_a_prompt(backbone: Path) -> None:
    engine = TransformersEngine(backbone, device="cpu")
    assert engine.models()[0].id == "steadfast-mini"
    assert np.isfinite(engine.read("steadfast-mini", PROMPTS)[0].option_logprobs).all()


def test_a_chat_template_does_not_double_the_first_token(tiny_llama: Path, tmp_path: Path) -> None:
    folder = tmp_path / "chatty"
    shutil.copytree(tiny_llama, folder)
    (folder / "chat_template.jinja").write_text(
        "{{ bos_token }}{% for m in messages %}[{{ m['content'] }}]{% endfor %}"
    )
    engine = TransformersEngine(folder, device="cpu")
    text = engine.chat_prompt("chatty", [{"role": "user", "content": "hi"}])
    assert text == "[hi]"
    assert engine.checkpoint.tokenizer(text).input_ids.count(1) == 1


def test_tokens_are_counted_as_the_prompt_is_read(tiny_engine: TransformersEngine) -> None:
    ids = tiny_engine.checkpoint.tokenizer("Is it red?").input_ids
    assert tiny_engine.count_tokens("tiny-llama", ["Is it red?"]) == [len(ids)]
    with pytest.raises(NotFoundError):
        tiny_engine.count_tokens("gpt", ["x"])
