"""OpenAI's responses through the official client."""

import json

import pytest
from openai import BadRequestError, NotFoundError, OpenAI

MODELS = ["tiny-llama", "tiny-llama+random"]
TEXT = "Is it red?"


@pytest.mark.parametrize("model", MODELS)
def test_a_response_is_the_answer_of_a_chat(client: OpenAI, model: str) -> None:
    made = client.responses.create(model=model, input=TEXT, max_output_tokens=8, temperature=0)
    chat = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": TEXT}], max_tokens=8, temperature=0
    )
    assert made.output_text == chat.choices[0].message.content
    assert made.output[0].role == "assistant"
    assert made.usage.input_tokens == chat.usage.prompt_tokens
    assert made.usage.output_tokens == chat.usage.completion_tokens
    short = chat.choices[0].finish_reason == "length"
    assert made.status == ("incomplete" if short else "completed")
    assert (made.incomplete_details is not None) == short


def test_a_conversation_comes_back_with_the_answer_in_it(client: OpenAI) -> None:
    asked = {"model": "tiny-llama", "max_output_tokens": 6, "temperature": 0}
    first = client.responses.create(input=TEXT, **asked)
    parts = [{"type": "input_text", "text": TEXT}]
    again = client.responses.create(
        input=[{"role": "user", "content": parts}], **asked
    )
    assert again.output_text == first.output_text
    followed = client.responses.create(
        input=[{"role": "user", "content": TEXT}, *first.output, {"role": "user", "content": "?"}],
        instructions="Be short.", **asked,
    )
    messages = [
        {"role": "system", "content": "Be short."}, {"role": "user", "content": TEXT},
        {"role": "assistant", "content": first.output_text}, {"role": "user", "content": "?"},
    ]
    chat = client.chat.completions.create(
        model="tiny-llama", messages=messages, max_tokens=6, temperature=0
    )
    assert followed.output_text == chat.choices[0].message.content
    assert followed.instructions == "Be short."


@pytest.mark.parametrize("model", MODELS)
def test_a_response_streams_what_it_returns_whole(client: OpenAI, model: str) -> None:
    asked = {
        "model": model, "input": TEXT, "max_output_tokens": 8, "temperature": 0, "top_logprobs": 2
    }
    whole = client.responses.create(**asked)
    events = list(client.responses.create(**asked, stream=True))
    kinds = [e.type for e in events]
    assert kinds[:4] == [
        "response.created", "response.in_progress", "response.output_item.added",
        "response.content_part.added",
    ]
    assert kinds[-4:-1] == [
        "response.output_text.done", "response.content_part.done", "response.output_item.done",
    ]
    assert kinds[-1] == f"response.{whole.status}"
    assert [e.sequence_number for e in events] == list(range(len(events)))
    deltas = [e for e in events if e.type == "response.output_text.delta"]
    assert "".join(e.delta for e in deltas) == whole.output_text == events[-4].text
    last = events[-1].response
    assert last.output_text == whole.output_text and last.usage == whole.usage
    tokens = [t for e in deltas for t in e.logprobs]
    wanted = whole.output[0].content[0].logprobs
    assert [t.token for t in tokens] == [t.token for t in wanted]
    assert all(len(t.top_logprobs) == 2 for t in tokens)


def test_the_clients_stream_helper_reads_the_events(client: OpenAI) -> None:
    with client.responses.stream(
        model="tiny-llama", input=TEXT, max_output_tokens=6, temperature=0
    ) as stream:
        text = "".join(e.delta for e in stream if e.type == "response.output_text.delta")
    whole = client.responses.create(
        model="tiny-llama", input=TEXT, max_output_tokens=6, temperature=0
    )
    assert text == whole.output_text


def test_a_text_follows_its_format(client: OpenAI) -> None:
    schema = {
        "type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"],
        "additionalProperties": False,
    }
    given = {"type": "json_schema", "name": "a", "schema": schema, "strict": True}
    for _ in range(8):
        made = client.responses.create(
            model="tiny-llama", input=TEXT, text={"format": given}, max_output_tokens=200,
            temperature=0.7,
        )
        if made.status == "completed":
            assert isinstance(json.loads(made.output_text)["a"], bool)
            assert made.text.format.type == "json_schema"
            return
    pytest.fail("no text ended")


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"tools": [{"type": "web_search"}]}, "tools: not offered"),
        ({"previous_response_id": "resp_1"}, "previous_response_id: not offered"),
        ({"background": True}, "background: not offered"),
        ({"reasoning": {"effort": "high"}}, "reasoning: not offered"),
        ({"truncation": "auto"}, "truncation: not offered"),
        ({"extra_body": {"n": 2}}, "n: not offered"),
        ({"extra_body": {"top_k": 2}}, "top_k: not offered"),
        ({"extra_body": {"response_format": {"type": "json_object"}}}, "response_format: not"),
        ({"include": ["reasoning.encrypted_content"]}, "include: 'reasoning.encrypted_content'"),
        ({"text": {"format": {"type": "xml"}}}, "text.format: not offered"),
        ({"input": []}, "input"),
        ({"input": [{"type": "function_call_output"}]}, "'function_call_output' are not offered"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image"}]}]},
            "'input_image' are not offered",
        ),
        ({"input": "red " * 3000}, "shorten the input"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_is_not_offered_is_a_bad_request_that_names_it(
    client: OpenAI, extra: dict, words: str, stream: bool
) -> None:
    with pytest.raises(BadRequestError, match=words):
        client.responses.create(
            **({"model": "tiny-llama", "input": TEXT, "stream": stream} | extra)
        )


def test_an_unknown_model_is_not_found(client: OpenAI) -> None:
    with pytest.raises(NotFoundError, match="tiny-llama"):
        client.responses.create(model="gpt", input=TEXT)


def test_an_engine_lost_in_the_middle_of_a_stream_ends_it_with_an_error(
    fake_client: OpenAI,
) -> None:
    *_, last = fake_client.responses.create(model="fake", input="fail later", stream=True)
    assert (last.type, last.message, last.code) == (
        "error", "the device is lost", "engine_unavailable"
    )
