"""The vLLM engine gives the transformers engine's values on the shipped backbone and adapters."""

from dataclasses import replace

import numpy as np
import pytest

from robustness.errors import InputError, ModelNotFoundError
from robustness.types import GenerationSettings, Prompt


def compare(one, other) -> None:
    assert one.prompt_id == other.prompt_id
    np.testing.assert_allclose(one.option_logprobs, other.option_logprobs, rtol=0, atol=1e-4)
    difference = np.linalg.norm(one.representation - other.representation)
    assert difference <= 1e-3 * np.linalg.norm(other.representation)
    assert one.option_logprobs.dtype == one.representation.dtype == np.float32


def virtual(reference, model: str) -> int:
    """Number of tokens that a prefix takes."""
    adapter = reference._served.adapter(model)
    return 0 if adapter is None else adapter.virtual


def test_the_served_models_and_their_spaces_are_the_same(vllm, reference) -> None:
    # The scorer is how transformers reads; vLLM has none.
    served = [
        replace(m, scorer=None)
        for m in reference.models()
        if not m.id.endswith("+deep-kl")
    ]
    assert len(served) == 3 and vllm.models() == served


def test_what_ships_and_cannot_be_served_is_withheld_with_its_reason(built, reference) -> None:
    left = {w.id: w.reason for w in built.withheld}
    assert set(left) == {f"{reference.models()[0].id}+deep-kl"}
    assert all("transformers engine only" in reason for reason in left.values())


def test_some_options_have_several_tokens(asked, reference) -> None:
    tokenizer = reference.checkpoint.tokenizer
    lengths = {
        len(tokenizer(option, add_special_tokens=False).input_ids)
        for prompt in asked
        for option in prompt.options
    }
    assert len(lengths) > 1


def test_batched_prompts_are_read_alike(vllm, reference, model: str, asked) -> None:
    readings = vllm.read(model, asked)
    assert len(readings) == len(asked)
    for one, other in zip(readings, reference.read(model, asked), strict=True):
        compare(one, other)


def test_lone_prompts_are_read_alike(vllm, reference, model: str, asked) -> None:
    for prompt in [*asked[:4], asked[-1]]:
        compare(vllm.read(model, [prompt])[0], reference.read(model, [prompt])[0])


def test_a_second_reading_takes_the_shared_start_from_the_cache(
    vllm, model: str, asked, counter
) -> None:
    longest = max(asked, key=lambda p: len(p.text))
    first = vllm.read(model, [longest])[0]
    before = counter("vllm:prefix_cache_hits_total")
    compare(vllm.read(model, [longest])[0], first)
    assert counter("vllm:prefix_cache_hits_total") > before


def test_bare_texts_are_represented_alike(vllm, reference, model: str) -> None:
    texts = ["Is it red?", "Name the room."]
    ours, theirs = vllm.represent(model, texts), reference.represent(model, texts)
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)
    assert vllm.represent(model, []) == []


def test_greedy_text_is_the_same(vllm, reference, model: str, asked, gather) -> None:
    settings = GenerationSettings(max_tokens=24, logprobs=3)
    for prompt in asked[:12]:
        ours = gather(vllm, model, prompt.text, settings)
        theirs = gather(reference, model, prompt.text, settings)
        assert "".join(c.text for c in ours) == "".join(c.text for c in theirs)
        last, wanted = ours[-1], theirs[-1]
        assert last.finish_reason == wanted.finish_reason
        assert last.prompt_tokens == wanted.prompt_tokens
        assert last.completion_tokens == wanted.completion_tokens
        for one, other in zip(
            [t for c in ours for t in c.logprobs], [t for c in theirs for t in c.logprobs],
            strict=True,
        ):
            assert one.token == other.token
            assert one.logprob == pytest.approx(other.logprob, abs=1e-4)
            assert [t for t, _ in one.top] == [t for t, _ in other.top]


def test_sampled_tokens_are_likely_ones_and_a_seed_repeats_them(
    vllm, reference, model: str, asked, gather
) -> None:
    tokenizer = reference.checkpoint.tokenizer
    # One token more than a block of the cache: the length that vLLM pads with drafts.
    text = "the " * 200
    while len(tokenizer(text).input_ids) + virtual(reference, model) > 65:
        text = text[:-4]
    seen = []
    for prompt in (text, asked[0].text):
        for seed in range(12):
            settings = GenerationSettings(max_tokens=4, temperature=1.0, seed=seed, logprobs=1)
            first = gather(vllm, model, prompt, settings)
            seen += [t.logprob for c in first for t in c.logprobs]
            again = gather(vllm, model, prompt, settings)
            assert "".join(c.text for c in first) == "".join(c.text for c in again)
    # The tail of 8000 tokens is long, but it is a tail.
    assert np.mean(np.array(seen) < -10) < 0.1


def test_a_stop_string_ends_the_text_and_the_generation(vllm, model: str, asked, gather) -> None:
    settings = GenerationSettings(max_tokens=8, temperature=2.0, seed=1)
    whole = "".join(c.text for c in gather(vllm, model, asked[0].text, settings))
    stop = whole[3:5]
    cut = GenerationSettings(max_tokens=8, temperature=2.0, seed=1, stop=(stop,))
    pieces = gather(vllm, model, asked[0].text, cut)
    assert "".join(c.text for c in pieces) == whole[: whole.index(stop)]
    assert pieces[-1].finish_reason == "stop"


def test_a_prompt_that_fills_the_context_is_read_and_a_longer_one_refused(
    vllm, reference, model: str, gather
) -> None:
    context = vllm.models()[0].context - virtual(reference, model)
    tokenizer = reference.checkpoint.tokenizer
    text = "the"
    while len(tokenizer(text).input_ids) < context:
        text += " the"
    assert len(tokenizer(text).input_ids) == context
    full = Prompt(instruction_id="", example_id="", text=text, options=())
    compare(vllm.read(model, [full])[0], reference.read(model, [full])[0])
    assert gather(vllm, model, text, GenerationSettings())[-1].finish_reason == "length"
    with pytest.raises(InputError, match=f"at most {vllm.models()[0].context}"):
        vllm.represent(model, [text + " the"])


def test_unknown_models_and_empty_prompts_are_refused_before_vllm_is_asked(vllm, model) -> None:
    with pytest.raises(ModelNotFoundError):
        vllm.represent("other", ["x"])
    assert vllm.count_tokens(model, ["Is it red?"])[0] > 3
    assert "red" in vllm.chat_prompt(model, [{"role": "user", "content": "Is it red?"}])
