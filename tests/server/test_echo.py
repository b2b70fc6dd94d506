"""Completions that begin with their prompt, several texts for one prompt, and token ids."""

import pytest
import torch
from openai import BadRequestError, OpenAI

from robustness.errors import InputError
from robustness.models.transformers_engine import TransformersEngine

TEXT = "Is it red?"
ALIGNED = "tiny-llama+random"


def plain(engine: TransformersEngine, ids: list[int], model: str) -> torch.Tensor:
    """Log-probabilities (T, V) behind each token, by one call of the model."""
    loaded = engine.checkpoint.model
    embeds = loaded.get_input_embeddings()(torch.tensor([ids]))
    adapter = engine._served.adapter(model)
    if adapter is not None:
        embeds = torch.cat([adapter.front[None], embeds], dim=1)
    with torch.no_grad():
        logits = loaded(inputs_embeds=embeds).logits[0, -len(ids) :]
    return logits.log_softmax(-1)


@pytest.mark.parametrize("model", ["tiny-llama", ALIGNED])
@pytest.mark.parametrize("as_ids", [False, True])
def test_an_echo_has_the_log_probabilities_of_the_prompts_tokens(
    client: OpenAI, aligned_engine: TransformersEngine, model: str, as_ids: bool
) -> None:
    ids = aligned_engine.checkpoint.tokenizer(TEXT).input_ids
    made = client.completions.create(
        model=model, prompt=ids if as_ids else TEXT, max_tokens=0, echo=True, logprobs=2
    )
    choice, found = made.choices[0], made.choices[0].logprobs
    wanted = plain(aligned_engine, ids, model)
    assert choice.text == (aligned_engine.checkpoint.tokenizer.decode(ids) if as_ids else TEXT)
    assert choice.finish_reason == "length"
    assert found.token_logprobs[0] is None and found.top_logprobs[0] is None
    for number, token in enumerate(ids[1:], 1):
        row = wanted[number - 1]
        assert found.token_logprobs[number] == pytest.approx(float(row[token]), abs=1e-4)
        assert max(found.top_logprobs[number].values()) == pytest.approx(float(row.max()), abs=1e-4)
    assert len(found.tokens) == len(ids) == made.usage.prompt_tokens
    assert made.usage.completion_tokens == 0


def test_offsets_point_at_the_tokens_in_the_text(client: OpenAI) -> None:
    made = client.completions.create(
        model="tiny-llama", prompt=TEXT, max_tokens=3, temperature=0, echo=True, logprobs=1
    ).choices[0]
    assert made.text.startswith(TEXT)
    # The token that begins every text is not in it.
    assert made.logprobs.text_offset[:2] == [0, 0]
    pairs = zip(made.logprobs.tokens, made.logprobs.text_offset, strict=True)
    for token, offset in list(pairs)[1:-1]:
        assert made.text[offset : offset + len(token)] == token


def test_a_generated_token_always_follows_the_prompts(
    client: OpenAI, aligned_engine: TransformersEngine
) -> None:
    """lm-evaluation-harness asks for one token and takes the last log-probability for it."""
    tokenizer = aligned_engine.checkpoint.tokenizer
    prompts = [[1, number] for number in range(3, 250)]
    wanted = dict(enumerate(plain(aligned_engine, ids, "tiny-llama")[-1] for ids in prompts))
    ending = {n for n, row in wanted.items() if int(row.argmax()) == tokenizer.eos_token_id}
    assert ending, "no prompt is followed by the end of the text"
    for number in sorted({*list(ending)[:10], *range(0, len(prompts), 20)}):
        made = client.completions.create(
            model="tiny-llama", prompt=prompts[number], max_tokens=1, temperature=0, echo=True,
            logprobs=1,
        ).choices[0]
        assert len(made.logprobs.tokens) == len(made.logprobs.token_logprobs) == 3
        best = float(wanted[number].max())
        assert made.logprobs.token_logprobs[-1] == pytest.approx(best, abs=1e-4)
        if number in ending:
            assert made.finish_reason == "stop"
            assert tokenizer.eos_token not in made.text


def test_an_echo_streams_what_it_returns_whole(client: OpenAI) -> None:
    asked = {
        "model": "tiny-llama", "prompt": [TEXT, "Where?"], "max_tokens": 4, "temperature": 0,
        "echo": True, "logprobs": 1, "n": 2,
    }
    whole = client.completions.create(**asked)
    pieces = [p for p in client.completions.create(**asked, stream=True)]
    for choice in whole.choices:
        parts = [p.choices[0] for p in pieces if p.choices[0].index == choice.index]
        assert "".join(p.text for p in parts) == choice.text
        values = [v for p in parts for v in p.logprobs.token_logprobs]
        assert values[1:] == pytest.approx(choice.logprobs.token_logprobs[1:])


def test_an_echo_without_log_probabilities_is_the_text(client: OpenAI) -> None:
    asked = {"model": "tiny-llama", "prompt": TEXT, "max_tokens": 3, "temperature": 0}
    bare = client.completions.create(**asked).choices[0].text
    echoed = client.completions.create(**asked, echo=True).choices[0]
    assert echoed.text == TEXT + bare and echoed.logprobs is None


def test_no_tokens_without_an_echo_is_an_empty_text(client: OpenAI) -> None:
    made = client.completions.create(model="tiny-llama", prompt=TEXT, max_tokens=0)
    assert made.choices[0].text == "" and made.choices[0].finish_reason == "length"
    assert made.usage.prompt_tokens > 0 == made.usage.completion_tokens


def test_token_ids_are_read_as_they_are(
    client: OpenAI, aligned_engine: TransformersEngine
) -> None:
    ids = aligned_engine.checkpoint.tokenizer(TEXT).input_ids
    asked = {"model": "tiny-llama", "max_tokens": 5, "temperature": 0}
    text = client.completions.create(prompt=TEXT, **asked).choices[0].text
    assert client.completions.create(prompt=ids, **asked).choices[0].text == text
    both = client.completions.create(prompt=[ids, ids[1:]], **asked)
    assert both.choices[0].text == text
    assert both.usage.prompt_tokens == 2 * len(ids) - 1


def test_an_encoder_decoder_model_has_no_echo(tiny_t5) -> None:
    engine = TransformersEngine(tiny_t5, device="cpu")
    with pytest.raises(InputError, match=r"echo: .* encoder-decoder"):
        engine.prompt_logprobs("tiny-t5", TEXT, 1)


def test_several_texts_of_a_prompt_differ_by_seed_and_repeat(client: OpenAI) -> None:
    asked = {"model": "tiny-llama", "prompt": [TEXT, "Where?"], "max_tokens": 8, "n": 3}
    first, again = (client.completions.create(**asked, seed=5) for _ in range(2))
    assert [c.index for c in first.choices] == list(range(6))
    assert [c.text for c in first.choices] == [c.text for c in again.choices]
    assert len({c.text for c in first.choices[:3]}) == 3
    alone = client.completions.create(model="tiny-llama", prompt="Where?", max_tokens=8, seed=6)
    assert first.choices[4].text == alone.choices[0].text
    # A prompt is counted once, as in OpenAI's API.
    single = client.completions.create(**(asked | {"n": 1}))
    assert first.usage.prompt_tokens == single.usage.prompt_tokens
    *_, last = client.completions.create(
        **asked, seed=5, stream=True, stream_options={"include_usage": True}
    )
    assert last.usage == first.usage


def test_several_answers_of_a_chat_are_choices(client: OpenAI) -> None:
    asked = {
        "model": "tiny-llama", "messages": [{"role": "user", "content": TEXT}], "n": 2,
        "max_tokens": 6, "seed": 1,
    }
    whole = client.chat.completions.create(**asked)
    assert len({c.message.content for c in whole.choices}) == 2
    pieces = list(client.chat.completions.create(**asked, stream=True))
    for choice in whole.choices:
        parts = [p.choices[0] for p in pieces if p.choices[0].index == choice.index]
        assert "".join(p.delta.content for p in parts) == choice.message.content
        assert parts[0].delta.role == "assistant"


def test_a_prompt_that_is_too_long_is_a_bad_request_with_echo(client: OpenAI) -> None:
    with pytest.raises(BadRequestError, match="shorten the input"):
        client.completions.create(
            model="tiny-llama", prompt="red " * 3000, echo=True, logprobs=1, stream=True
        )
