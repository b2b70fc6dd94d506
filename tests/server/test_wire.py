from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from robustness.data.tasks import Task
from robustness.errors import InputError
from robustness.types import Constraint, GenerationSettings, TaskType
from server.wire.chat import Chat, Message
from server.wire.completions import Completion
from server.wire.embeddings import Embeddings
from server.wire.robustness import CountTokens, Input, Predict, examples

TASK = Task(
    id="mood", title="Mood", task_type=TaskType.BC, description="", fields=("text", "name"),
    options=("glad", "sad"), source="written", trained=False,
)
PLAIN = GenerationSettings(max_tokens=16, temperature=1.0)


def completion(**values: Any) -> Completion:
    return Completion.model_validate({"model": "m", "prompt": "x"} | values)


def chat(**values: Any) -> Chat:
    message = {"role": "user", "content": "x"}
    return Chat.model_validate({"model": "m", "messages": [message]} | values)


def test_what_is_left_out_is_openais_default() -> None:
    assert completion().settings() == PLAIN
    assert completion(max_tokens=None, temperature=None, top_p=None).settings() == PLAIN
    assert chat().settings(64) == replace(PLAIN, max_tokens=64)


def test_what_is_given_is_kept_even_where_it_is_zero() -> None:
    made = completion(temperature=0, logprobs=0, seed=0, top_p=0.5, max_tokens=3).settings()
    assert made == GenerationSettings(max_tokens=3, temperature=0.0, top_p=0.5, seed=0, logprobs=0)


@pytest.mark.parametrize(
    ("stop", "wanted"), [(None, ()), ("a", ("a",)), (["a", "", "b"], ("a", "b")), ("", ())]
)
def test_stops_are_one_text_or_several_and_never_empty(stop: Any, wanted: tuple) -> None:
    assert completion(stop=stop).settings().stop == wanted


def test_a_chat_takes_the_newer_name_of_its_limit_first() -> None:
    assert chat(max_tokens=5).settings(64).max_tokens == 5
    assert chat(max_tokens=5, max_completion_tokens=9).settings(64).max_tokens == 9


def test_a_chat_has_logprobs_only_where_it_asks_for_them() -> None:
    assert chat(logprobs=False).settings(64).logprobs is None
    assert chat(logprobs=True).settings(64).logprobs == 0
    assert chat(logprobs=True, top_logprobs=4).settings(64).logprobs == 4
    with pytest.raises(InputError, match="top_logprobs: needs logprobs"):
        chat(top_logprobs=4)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("a", ["a"]), (["a", "b"], ["a", "b"]), ([1, 2], [(1, 2)]), ([[1, 2], [3]], [(1, 2), (3,)]),
        (["a", [1]], ["a", (1,)]),
    ],
)
def test_a_prompt_is_a_text_or_token_ids_or_several(given: Any, wanted: list) -> None:
    assert completion(prompt=given).prompt == wanted


def test_so_many_texts_are_not_made_at_once() -> None:
    with pytest.raises(InputError, match="n: 2560 texts are asked for at once"):
        completion(prompt=["a"] * 20, n=128)


@pytest.mark.parametrize("given", [[1, "a"], [True, False], [[1.5]], [None], {"a": 1}, 7, None])
def test_a_prompt_of_anything_else_is_refused(given: Any) -> None:
    with pytest.raises(ValidationError, match="send a text, token ids, or a list of either"):
        completion(prompt=given)


@pytest.mark.parametrize("ids", [[1, 2], [[1, 2], [3]]])
def test_texts_to_embed_are_no_token_ids(ids: Any) -> None:
    with pytest.raises(ValidationError, match="token ids are not offered"):
        Embeddings(model="m", input=ids)


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("best_of", 2), ("suffix", "s"), ("logit_bias", {"1": 2}), ("tools", [{}]),
        ("functions", [{}]), ("modalities", ["audio"]), ("audio", {}), ("dimensions", 8),
        ("tool_choice", "required"), ("max_completion_tokens", 5), ("top_logprobs", 2),
        ("reasoning_effort", "high"), ("min_p", 0.1), ("use_beam_search", True),
        ("skip_special_tokens", False), ("prompt_logprobs", 1), ("structural_tag", {"a": 1}),
        ("chat_template_kwargs", {"enable_thinking": True}),
    ],
)
def test_a_key_that_would_change_the_answer_is_refused_by_name_and_value(
    name: str, asked: Any
) -> None:
    with pytest.raises(InputError, match=f"^{name}: not offered, found .*; leave it out"):
        completion(**{name: asked})
    assert completion(**{name: None}).settings() == PLAIN


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("top_k", 5), ("repetition_penalty", 1.2), ("presence_penalty", 0.5),
        ("frequency_penalty", -1), ("min_tokens", 3), ("ignore_eos", True),
        ("stop_token_ids", [2]), ("allowed_token_ids", [2]), ("bad_words", ["a"]),
    ],
)
def test_a_key_that_vllm_offers_is_kept_for_the_engine_to_judge(name: str, asked: Any) -> None:
    assert completion(**{name: asked}).settings() == replace(PLAIN, extra={name: asked})
    assert chat(**{name: asked}).settings(16).extra == {name: asked}


OBJECT = {"type": "object"}


@pytest.mark.parametrize(
    ("asked", "kind", "value"),
    [
        ({"structured_outputs": {"choice": ["a", "b"]}}, "choice", ("a", "b")),
        ({"guided_choice": ["a"]}, "choice", ("a",)),
        ({"structured_outputs": {"json": OBJECT}}, "json", '{"type": "object"}'),
        ({"structured_outputs": {"json": "{}"}}, "json", "{}"),
        ({"structured_outputs": {"json_object": True}}, "json", '{"type": "object"}'),
        ({"guided_json": OBJECT}, "json", '{"type": "object"}'),
        ({"response_format": {"type": "json_object"}}, "json", '{"type": "object"}'),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": OBJECT}}},
            "json", '{"type": "object"}',
        ),
        ({"structured_outputs": {"regex": "a+"}}, "regex", "a+"),
        ({"guided_regex": "a+"}, "regex", "a+"),
        ({"structured_outputs": {"grammar": "start: "}}, "grammar", "start: "),
        ({"guided_grammar": "start: "}, "grammar", "start: "),
    ],
)
def test_a_constraint_has_openais_and_vllms_names(asked: dict, kind: str, value: Any) -> None:
    wanted = Constraint(kind=kind, value=value)
    assert completion(**asked).settings().constraint == wanted
    assert chat(**asked).settings(16).constraint == wanted


@pytest.mark.parametrize(
    "asked",
    [
        {"structured_outputs": {}}, {"structured_outputs": None}, {"guided_choice": None},
        {"response_format": {"type": "text"}}, {"structured_outputs": {"json_object": False}},
    ],
)
def test_no_constraint_is_none(asked: dict) -> None:
    assert completion(**asked).settings().constraint is None


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"guided_choice": ["a"], "guided_regex": "a"}, "one constraint, found choice and regex"),
        ({"response_format": {"type": "xml"}}, "response_format: not offered, found type 'xml'"),
        ({"response_format": {"type": "json_schema"}}, "json_schema needs a schema"),
        ({"structured_outputs": {"structural_tag": "a"}}, "structured_outputs.structural_tag"),
        ({"guided_choice": []}, "guided_choice"),
    ],
)
def test_a_constraint_that_is_none_is_refused_by_name(asked: dict, words: str) -> None:
    with pytest.raises((InputError, ValidationError), match=words):
        completion(**asked).settings()


def test_keys_that_ask_for_nothing_and_keys_unheard_of_are_tolerated() -> None:
    neutral = {
        "best_of": 1, "echo": False, "suffix": "", "presence_penalty": 0, "logit_bias": {},
        "response_format": {"type": "text"}, "tools": [], "modalities": ["text"], "user": "me",
        "top_k": -1, "repetition_penalty": 1.0, "min_tokens": 0, "ignore_eos": False,
        "tool_choice": "auto", "skip_special_tokens": True,
    }
    assert completion(**neutral).settings() == PLAIN


@pytest.mark.parametrize(
    "values",
    [
        {"max_tokens": -1}, {"n": 0}, {"n": 129}, {"top_k": -2}, {"temperature": 2.1},
        {"temperature": float("nan")}, {"top_p": 0},
        {"seed": 2**63}, {"logprobs": 21}, {"prompt": []}, {"prompt": ["x"] * 2049},
    ],
)
def test_a_value_out_of_range_is_refused_under_its_name(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        completion(**values)
    assert caught.value.errors()[0]["loc"] == (*values,)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("Is it?", "Is it?"), (None, ""), ([], ""),
        ([{"type": "text", "text": "Is "}, {"type": "text", "text": "it?"}], "Is it?"),
    ],
)
def test_a_message_is_plain_text(content: Any, text: str) -> None:
    message = Message.model_validate({"role": "user", "content": content})
    assert message.plain() == {"role": "user", "content": text}


def test_a_part_that_is_no_text_is_refused_by_its_type() -> None:
    message = Message.model_validate({"role": "user", "content": [{"type": "image_url"}]})
    with pytest.raises(InputError, match="'image_url' are not offered, only text"):
        message.plain()


def rows(**values: Any) -> list[Input]:
    good = {"fields": {"text": "a", "name": "b"}}
    return [Input.model_validate(row) for row in (good, good | values)]


def test_inputs_of_a_task_take_its_options_and_own_ones_theirs() -> None:
    first, second = examples(rows(options=["x", "y", "x"], answer="y"), TASK)
    assert (first.task, first.options, first.answer) == ("mood", ("glad", "sad"), None)
    assert (second.options, second.answer) == (("x", "y"), "y")
    (own,) = examples(rows(options=["x", "y"])[1:])
    assert (own.task, own.options, own.fields) == ("own", ("x", "y"), {"text": "a", "name": "b"})


@pytest.mark.parametrize(
    ("values", "task", "words"),
    [
        ({"fields": {"text": "a"}}, TASK, r"inputs\[1\].fields: .*mood has text, name, found text"),
        ({"fields": {}}, TASK, r"inputs\[1\].fields: .*found none"),
        ({"answer": "grim"}, TASK, r"inputs\[1\].answer: 'grim' is not among .* glad, sad"),
        ({"answer": "grim"}, None, r"inputs\[1\].answer: 'grim' .*\(there are none\)"),
    ],
)
def test_an_input_that_does_not_fit_is_named_by_its_number(
    values: dict[str, Any], task: Task | None, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        examples(rows(**values), task)


def test_a_prediction_has_one_source_and_no_unknown_key() -> None:
    own = {"fields": {"text": "a"}}
    with pytest.raises(InputError, match="not both"):
        Predict.model_validate({"instruction": "x", "task": "mood", "inputs": [own]})
    with pytest.raises(ValidationError, match="tsak"):
        Predict.model_validate({"instruction": "x", "tsak": "mood"})
    with pytest.raises(ValidationError, match="anwser"):
        Predict.model_validate({"instruction": "x", "inputs": [own | {"anwser": "a"}]})


@pytest.mark.parametrize(
    ("kind", "document", "place"),
    [
        (Completion, {"model": "m", "prompt": ["a", "b\ud800"]}, r"prompt\[1\]"),
        (Completion, {"model": "m", "prompt": "x", "user": "\udfff"}, "user"),
        (Predict, {"instruction": "\ud83d x"}, "instruction"),
        (
            Predict,
            {"instruction": "x", "inputs": [{"fields": {"text": "\ud800"}}]},
            r"inputs\[0\].fields.text",
        ),
        (Predict, {"instruction": "x", "label_words": {"\ud800": "a"}}, "label_words"),
        (CountTokens, {"model": "m", "texts": ["\udc00"]}, r"texts\[0\]"),
    ],
)
def test_half_a_character_is_refused_by_its_place(kind: Any, document: Any, place: str) -> None:
    with pytest.raises(InputError, match=f"^{place}: holds half of a character"):
        kind.model_validate(document)


def test_whole_characters_beyond_the_basic_plane_are_text() -> None:
    assert completion(prompt="\N{GRINNING FACE}").prompt == ["\N{GRINNING FACE}"]
