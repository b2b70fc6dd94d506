"""Texts that must follow a constraint, from the client to the last character."""

import json
import re

import pytest
from openai import BadRequestError, OpenAI

SCHEMA = {
    "type": "object", "additionalProperties": False, "required": ["red", "n"],
    "properties": {"red": {"type": "boolean"}, "n": {"enum": [1, 2]}},
}
CHAT = [{"role": "user", "content": "Is it red?"}]
MODELS = ["tiny-llama", "tiny-llama+random"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", range(4))
def test_a_choice_is_one_of_the_texts(client: OpenAI, model: str, seed: int) -> None:
    texts = ["yes", "yes, it is", "no", "é 😀"]
    asked = {"model": model, "prompt": "Is it red?", "max_tokens": 40, "seed": seed}
    made = client.completions.create(
        **asked, extra_body={"structured_outputs": {"choice": texts}}
    ).choices[0]
    assert made.text in texts and made.finish_reason == "stop"
    older = client.completions.create(**asked, extra_body={"guided_choice": texts})
    assert older.choices[0].text == made.text


def test_json_follows_its_schema(client: OpenAI) -> None:
    given = {"type": "json_schema", "json_schema": {"name": "red", "schema": SCHEMA}}
    for seed in range(6):
        made = client.chat.completions.create(
            model="tiny-llama", messages=CHAT, response_format=given, seed=seed, max_tokens=200,
            temperature=0.5,
        ).choices[0]
        if made.finish_reason == "stop":
            found = json.loads(made.message.content)
            assert set(found) == {"red", "n"} and isinstance(found["red"], bool)
            assert found["n"] in (1, 2)
            return
    pytest.fail("no text ended")


def test_any_object_is_json_as_far_as_it_goes(client: OpenAI) -> None:
    made = client.chat.completions.create(
        model="tiny-llama", messages=CHAT, response_format={"type": "json_object"}, seed=1,
        max_tokens=30,
    ).choices[0]
    assert made.message.content.lstrip().startswith("{")


@pytest.mark.parametrize(
    ("constraint", "pattern"),
    [
        ({"regex": "[0-9]{3}-[a-c]"}, "[0-9]{3}-[a-c]"),
        ({"grammar": 'start: "ab" "c"+ "d"'}, "abc+d"),
    ],
)
def test_a_pattern_or_grammar_is_matched_whole(
    client: OpenAI, constraint: dict, pattern: str
) -> None:
    made = client.completions.create(
        model="tiny-llama", prompt="x", max_tokens=60, temperature=0.3, seed=0,
        extra_body={"structured_outputs": constraint},
    ).choices[0]
    assert made.finish_reason == "stop" and re.fullmatch(pattern, made.text)


def test_a_constrained_text_streams_what_it_returns_whole(client: OpenAI) -> None:
    asked = {
        "model": "tiny-llama", "prompt": "Is it red?", "max_tokens": 40, "seed": 3, "n": 2,
        "extra_body": {"structured_outputs": {"regex": "(red|blue) [0-9]+"}},
    }
    whole = client.completions.create(**asked)
    pieces = list(client.completions.create(**asked, stream=True))
    for choice in whole.choices:
        parts = [p.choices[0].text for p in pieces if p.choices[0].index == choice.index]
        assert "".join(parts) == choice.text


def test_log_probabilities_are_those_among_the_texts_that_may_come(client: OpenAI) -> None:
    made = client.completions.create(
        model="tiny-llama", prompt="Is it red?", max_tokens=9, temperature=0, logprobs=5,
        extra_body={"structured_outputs": {"choice": ["ab"]}},
    ).choices[0]
    for top in made.logprobs.top_logprobs:
        assert all("ab".startswith(token) or token in "ab" for token in top)
        assert sum(map(pow, [2.718281828] * len(top), top.values())) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("constraint", "words"),
    [
        ({"regex": "["}, "regular expression that the text must follow cannot be used"),
        ({"json": "{"}, "JSON schema that the text must follow cannot be used"),
        ({"json": {"type": "nonsense"}}, "nonsense"),
        ({"json": {"not": {"type": "object"}}}, "not"),
        ({"grammar": "begin: x"}, "grammar that the text must follow cannot be used"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_malformed_constraint_is_a_bad_request(
    client: OpenAI, constraint: dict, words: str, stream: bool
) -> None:
    with pytest.raises(BadRequestError, match=words) as caught:
        client.completions.create(
            model="tiny-llama", prompt="x", stream=stream,
            extra_body={"structured_outputs": constraint},
        )
    assert "\n" not in caught.value.body["message"]
