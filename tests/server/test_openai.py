"""The official OpenAI client against a running server."""

import numpy as np
import openai
import pytest

PROMPT = "Anna is in the kitchen. Answer:"


def test_the_models_are_listed(client: openai.OpenAI, model: str) -> None:
    assert [m.id for m in client.models.list()] == [model]
    assert client.models.retrieve(model).id == model


def test_a_stream_says_what_the_whole_completion_says(client: openai.OpenAI, model: str) -> None:
    whole = client.completions.create(model=model, prompt=PROMPT, max_tokens=6, temperature=0)
    pieces = client.completions.create(
        model=model, prompt=PROMPT, max_tokens=6, temperature=0, stream=True,
        stream_options={"include_usage": True},
    )
    text, usage = "", None
    for piece in pieces:
        text += "".join(c.text for c in piece.choices)
        usage = piece.usage or usage
    assert text == whole.choices[0].text
    assert usage == whole.usage
    assert whole.usage is not None
    assert whole.usage.completion_tokens <= 6


def test_a_chat_streams_the_same_text(client: openai.OpenAI, model: str) -> None:
    messages: list[openai.types.chat.ChatCompletionMessageParam] = [
        {"role": "user", "content": PROMPT}
    ]
    whole = client.chat.completions.create(
        model=model, messages=messages, max_tokens=5, temperature=0
    )
    pieces = client.chat.completions.create(
        model=model, messages=messages, max_tokens=5, temperature=0, stream=True
    )
    text = "".join(c.delta.content or "" for piece in pieces for c in piece.choices)
    assert text == whole.choices[0].message.content


def test_log_probabilities_come_in_both_formats(client: openai.OpenAI, model: str) -> None:
    plain = client.completions.create(
        model=model, prompt=PROMPT, max_tokens=3, temperature=0, logprobs=2
    ).choices[0].logprobs
    assert plain is not None
    assert plain.token_logprobs is not None
    assert all(value <= 0 for value in plain.token_logprobs)
    chat = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": PROMPT}], max_tokens=3, temperature=0,
        logprobs=True, top_logprobs=2,
    ).choices[0].logprobs
    assert chat is not None
    assert chat.content is not None
    assert all(len(token.top_logprobs) == 2 for token in chat.content)


def test_embeddings_are_equal_in_both_encodings(client: openai.OpenAI, model: str) -> None:
    plain = client.embeddings.create(model=model, input=["a", "b"], encoding_format="float")
    packed = client.embeddings.create(model=model, input=["a", "b"])
    assert len(plain.data) == 2
    assert np.allclose(plain.data[1].embedding, packed.data[1].embedding, atol=1e-6)
    assert not np.allclose(plain.data[0].embedding, plain.data[1].embedding)


def test_an_unknown_model_is_the_clients_not_found(client: openai.OpenAI, model: str) -> None:
    for stream in (False, True):
        with pytest.raises(openai.NotFoundError, match=model) as caught:
            client.completions.create(model="nobody", prompt="x", stream=stream)
        assert caught.value.code == "model_not_found"


def test_bad_requests_are_the_clients_and_name_the_key(client: openai.OpenAI, model: str) -> None:
    with pytest.raises(openai.BadRequestError, match="n: only 1"):
        client.completions.create(model=model, prompt="x", n=2)
    with pytest.raises(openai.BadRequestError, match="temperature"):
        client.completions.create(model=model, prompt="x", temperature=9)
    with pytest.raises(openai.BadRequestError, match="echo"):
        client.completions.create(model=model, prompt="x", echo=True)
    with pytest.raises(openai.BadRequestError, match="tokens"):
        client.completions.create(model=model, prompt="too long " * 600)
