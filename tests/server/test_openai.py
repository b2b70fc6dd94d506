"""The official client against a really running server."""

import base64

import numpy as np
import pytest
from openai import BadRequestError, InternalServerError, NotFoundError, OpenAI

from robustness.data import instructions, prompts, tasks
from robustness.errors import EngineError
from robustness.models.transformers_engine import TransformersEngine
from robustness.workbench import Workbench
from server.application import create_app
from server.settings import Settings

MODELS = ["tiny-llama", "tiny-llama+random"]
CHAT = [{"role": "user", "content": "Is it red?"}]


def test_the_client_lists_the_original_and_its_aligned_form(client: OpenAI) -> None:
    assert [m.id for m in client.models.list()] == MODELS
    assert client.models.retrieve("tiny-llama+random").owned_by == "steadfast"


@pytest.mark.parametrize("model", MODELS)
def test_a_greedy_completion_streams_what_it_returns_whole(client: OpenAI, model: str) -> None:
    asked = {"model": model, "prompt": "Is it red?", "max_tokens": 8, "temperature": 0}
    whole = client.completions.create(**asked)
    pieces = list(client.completions.create(**asked, stream=True))
    assert whole.choices[0].text == "".join(p.choices[0].text for p in pieces)
    assert whole.choices[0].finish_reason == pieces[-1].choices[0].finish_reason
    assert len({p.id for p in pieces}) == 1
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens
    assert whole.usage.completion_tokens <= 8


def test_the_prefix_changes_the_answer(client: OpenAI) -> None:
    texts = {
        client.completions.create(model=m, prompt="Is it red?", temperature=0).choices[0].text
        for m in MODELS
    }
    assert len(texts) == 2


@pytest.mark.parametrize("model", MODELS)
def test_a_chat_streams_what_it_returns_whole(client: OpenAI, model: str) -> None:
    asked = {"model": model, "messages": CHAT, "max_completion_tokens": 6, "temperature": 0}
    whole = client.chat.completions.create(**asked)
    pieces = list(client.chat.completions.create(**asked, stream=True))
    assert whole.choices[0].message.role == "assistant"
    text = "".join(p.choices[0].delta.content for p in pieces)
    assert whole.choices[0].message.content == text
    assert pieces[0].choices[0].delta.role == "assistant"
    assert [p.choices[0].finish_reason for p in pieces[:-1]] == [None] * (len(pieces) - 1)
    assert pieces[-1].choices[0].finish_reason in ("stop", "length")


def test_a_chat_without_a_limit_ends_within_the_context(
    client: OpenAI, aligned_engine: TransformersEngine
) -> None:
    made = client.chat.completions.create(model="tiny-llama", messages=CHAT, temperature=0)
    assert made.usage.total_tokens <= aligned_engine.checkpoint.context


def test_parts_of_text_are_a_message_too(client: OpenAI) -> None:
    parts = [{"type": "text", "text": "Is it "}, {"type": "text", "text": "red?"}]
    asked = {"model": "tiny-llama", "max_tokens": 4, "temperature": 0}
    split = client.chat.completions.create(messages=[{"role": "user", "content": parts}], **asked)
    whole = client.chat.completions.create(messages=CHAT, **asked)
    assert split.choices[0].message.content == whole.choices[0].message.content


def test_usage_comes_last_in_a_stream_that_asks_for_it(client: OpenAI) -> None:
    pieces = list(
        client.chat.completions.create(
            model="tiny-llama", messages=CHAT, max_tokens=4, stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert pieces[-1].choices == []
    assert pieces[-1].usage.prompt_tokens > 0
    assert all(p.usage is None for p in pieces[:-1])


@pytest.mark.parametrize("prompt", ["Is it red?", ["Is it red?", "Where?"]])
def test_a_stream_uses_what_the_whole_uses(client: OpenAI, prompt) -> None:
    asked = {"model": "tiny-llama", "prompt": prompt, "max_tokens": 6, "temperature": 0}
    *_, last = client.completions.create(
        **asked, stream=True, stream_options={"include_usage": True}
    )
    assert last.usage == client.completions.create(**asked).usage


def test_logprobs_of_a_completion_have_offsets_into_its_text(client: OpenAI) -> None:
    made = client.completions.create(
        model="tiny-llama", prompt="Is it red?", max_tokens=5, temperature=0, logprobs=3
    ).choices[0]
    found = made.logprobs
    assert len(found.tokens) == len(found.token_logprobs) == len(found.text_offset)
    assert found.text_offset[0] == 0
    assert all(v <= 0 for v in found.token_logprobs)
    for token, value, top in zip(
        found.tokens, found.token_logprobs, found.top_logprobs, strict=True
    ):
        assert 1 <= len(top) <= 3
        if token in top:
            assert top[token] == pytest.approx(value, abs=1e-4)


def test_streamed_logprobs_are_those_of_the_whole(client: OpenAI) -> None:
    asked = {
        "model": "tiny-llama", "prompt": "Is it red?", "max_tokens": 6, "temperature": 0,
        "logprobs": 1,
    }
    whole = client.completions.create(**asked).choices[0].logprobs
    parts = [p.choices[0].logprobs for p in client.completions.create(**asked, stream=True)]
    assert [t for p in parts for t in p.tokens] == whole.tokens
    assert [v for p in parts for v in p.token_logprobs] == pytest.approx(whole.token_logprobs)


def test_logprobs_of_a_chat_carry_alternatives_and_bytes(client: OpenAI) -> None:
    made = client.chat.completions.create(
        model="tiny-llama", messages=CHAT, max_tokens=3, temperature=0, logprobs=True,
        top_logprobs=2,
    ).choices[0]
    for token in made.logprobs.content:
        assert len(token.top_logprobs) == 2
        assert token.logprob == pytest.approx(token.top_logprobs[0].logprob, abs=1e-4)
        assert token.bytes is None or bytes(token.bytes).decode() == token.token


def test_without_asking_there_are_no_logprobs(client: OpenAI) -> None:
    made = client.chat.completions.create(model="tiny-llama", messages=CHAT, max_tokens=2)
    assert made.choices[0].logprobs is None


def test_a_stop_string_ends_the_text_before_it(client: OpenAI) -> None:
    asked = {"model": "tiny-llama", "prompt": "Is it red?", "max_tokens": 12, "temperature": 0}
    text = client.completions.create(**asked).choices[0].text
    stop = text[3:5]
    made = client.completions.create(**asked, stop=[stop]).choices[0]
    assert made.text == text[: text.index(stop)]
    assert made.finish_reason == "stop"


def test_a_seed_repeats_a_sampled_text(client: OpenAI) -> None:
    asked = {"model": "tiny-llama", "prompt": "Is it red?", "max_tokens": 12, "top_p": 0.95}
    texts = [client.completions.create(**asked, seed=s).choices[0].text for s in (7, 7, 8)]
    assert texts[0] == texts[1] != texts[2]


def test_several_prompts_are_answered_in_their_order(client: OpenAI) -> None:
    asked = {"model": "tiny-llama", "max_tokens": 4, "temperature": 0}
    both = client.completions.create(prompt=["Is it red?", "Where?"], **asked)
    alone = client.completions.create(prompt="Where?", **asked)
    assert [c.index for c in both.choices] == [0, 1]
    assert both.choices[1].text == alone.choices[0].text
    pieces = list(client.completions.create(prompt=["Is it red?", "Where?"], stream=True, **asked))
    second = "".join(p.choices[0].text for p in pieces if p.choices[0].index == 1)
    assert second == alone.choices[0].text


def test_an_embedding_is_the_representation_in_both_formats(
    client: OpenAI, aligned_engine: TransformersEngine
) -> None:
    texts = ["Is it red?", "Where is Anna?"]
    expected = aligned_engine.represent("tiny-llama", texts)
    floats = client.embeddings.create(model="tiny-llama", input=texts, encoding_format="float")
    np.testing.assert_allclose([d.embedding for d in floats.data], expected, rtol=1e-5)
    # The client asks for base64 by itself and decodes it.
    decoded = client.embeddings.create(model="tiny-llama", input=texts)
    np.testing.assert_allclose([d.embedding for d in decoded.data], expected, rtol=1e-5)
    packed = client.embeddings.create(model="tiny-llama", input=texts[0], encoding_format="base64")
    raw = np.frombuffer(base64.b64decode(packed.data[0].embedding), dtype="<f4")
    np.testing.assert_allclose(raw, expected[0], rtol=1e-5)
    assert floats.usage.prompt_tokens == sum(aligned_engine.count_tokens("tiny-llama", texts))


def test_an_unknown_model_is_not_found_everywhere(client: OpenAI) -> None:
    asks = [
        lambda: client.models.retrieve("gpt"),
        lambda: client.completions.create(model="gpt", prompt="x"),
        lambda: client.completions.create(model="gpt", prompt="x", stream=True),
        lambda: client.chat.completions.create(model="gpt", messages=CHAT),
        lambda: client.chat.completions.create(model="gpt", messages=CHAT, stream=True),
        lambda: client.embeddings.create(model="gpt", input="x"),
    ]
    for ask in asks:
        with pytest.raises(NotFoundError, match="tiny-llama") as caught:
            ask()
        assert caught.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"n": 0}, "n"),
        ({"n": 1000}, "n"),
        ({"best_of": 3}, "best_of: not offered"),
        ({"suffix": "end"}, "suffix: not offered"),
        ({"presence_penalty": 0.5}, "presence_penalty: not offered"),
        ({"logit_bias": {"5": 1}}, "logit_bias: not offered"),
        ({"extra_body": {"top_k": 5}}, "top_k: not offered by the transformers engine"),
        ({"extra_body": {"min_p": 0.1}}, "min_p: not offered"),
        ({"extra_body": {"ignore_eos": True}}, "ignore_eos: not offered"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"temperature": 3}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"seed": 2**70}, "seed"),
        ({"logprobs": 50}, "logprobs"),
        ({"prompt": [1, 2, 3000]}, "token id 3000 is not among the 320"),
        ({"prompt": [[1, 2], [-1]]}, "token id -1"),
        ({"prompt": [1, "x"]}, "send a text, token ids, or a list of either"),
        ({"prompt": [True]}, "send a text, token ids"),
        ({"prompt": []}, "prompt"),
        ({"prompt": [[]]}, "the prompt is empty"),
        ({"prompt": "red " * 3000}, "shorten the input"),
    ],
)
def test_what_is_not_offered_is_a_bad_request_that_names_it(
    client: OpenAI, extra: dict, words: str
) -> None:
    asked = {"model": "tiny-llama", "prompt": "Is it red?"} | extra
    with pytest.raises(BadRequestError, match=words) as caught:
        client.completions.create(**asked)
    assert caught.value.type == "invalid_request_error"


def test_a_prompt_that_does_not_fit_is_a_bad_request_when_streaming_too(client: OpenAI) -> None:
    with pytest.raises(BadRequestError, match="shorten the input"):
        client.completions.create(model="tiny-llama", prompt="red " * 3000, stream=True)


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"messages": []}, "messages"),
        ({"top_logprobs": 2}, "needs logprobs"),
        ({"response_format": {"type": "grammar"}}, "response_format: not offered"),
        ({"extra_body": {"echo": True}}, "echo: not offered"),
        ({"max_tokens": 0}, "max_tokens"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "'image_url' are not offered",
        ),
    ],
)
def test_a_chat_refuses_by_name_as_well(client: OpenAI, extra: dict, words: str) -> None:
    with pytest.raises(BadRequestError, match=words):
        client.chat.completions.create(**({"model": "tiny-llama", "messages": CHAT} | extra))


def test_keys_that_ask_for_nothing_are_tolerated(client: OpenAI) -> None:
    made = client.chat.completions.create(
        model="tiny-llama", messages=CHAT, max_tokens=2, n=1, user="me", presence_penalty=0,
        response_format={"type": "text"}, metadata={"a": "b"}, extra_body={"unheard_of": 1},
    )
    assert made.choices[0].finish_reason in ("stop", "length")


def test_embeddings_of_another_width_are_refused(client: OpenAI) -> None:
    with pytest.raises(BadRequestError, match="dimensions: not offered"):
        client.embeddings.create(model="tiny-llama", input="x", dimensions=8)


def test_an_engine_that_cannot_answer_is_a_server_error_with_a_time_to_retry(
    fake, fake_client: OpenAI
) -> None:
    fake.problem = EngineError("the device is lost")
    with pytest.raises(InternalServerError, match="the device is lost") as caught:
        fake_client.completions.create(model="fake", prompt="x")
    assert caught.value.status_code == 503
    assert int(caught.value.response.headers["retry-after"]) > 0


def test_an_engine_lost_in_the_middle_of_a_stream_is_the_clients_exception(
    fake_client: OpenAI,
) -> None:
    stream = fake_client.completions.create(
        model="fake", prompt="fail later", max_tokens=9, stream=True
    )
    with pytest.raises(Exception, match="the device is lost"):
        list(stream)


def test_the_embedded_backbone_answers_a_chat_as_it_completes_its_prompt(
    backbone, serve, tmp_path
) -> None:

    engine = TransformersEngine(backbone, device="cpu", name="mini")
    app = create_app(Workbench(engine, indexes=tmp_path), Settings(jobs=tmp_path / "jobs"))
    with (
        serve(app) as url,
        OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as client,
    ):
        asked = {"model": "mini", "temperature": 0, "max_tokens": 6}
        example = tasks.builtin("scene_topic").split("test")[0]
        known = instructions.builtin(instructions.OBSERVED)
        instruction = next(i for i in known if i.task == "scene_topic" and not i.option_format)
        messages = [{"role": "user", "content": prompts.fill(instruction, example).text}]
        chat = client.chat.completions.create(messages=messages, **asked)
        prompt = engine.chat_prompt("mini", messages)
        plain = client.completions.create(prompt=prompt, **asked)
    assert chat.choices[0].message.content == plain.choices[0].text
    assert plain.choices[0].text.strip() == example.answer
