import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from robustness.errors import InputError, MismatchError
from robustness.index import saved_index
from robustness.models import chat_formats, chat_template
from robustness.models.load_options import Loading, TemplateOptions, template_options
from robustness.models.transformers_engine import TransformersEngine

PLAIN = "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}</s>{% endfor %}[assistant]"
DATED = "[system]Today: {{ strftime_now('%d %b %Y') }}</s>" + PLAIN
THINKING = PLAIN + "{% if enable_thinking is defined and not enable_thinking %}-{% endif %}"
PARTS = (
    "{% for m in messages %}[{{ m['role'] }}]{% for part in m['content'] %}{{ part['text'] }}"
    "{% endfor %}</s>{% endfor %}[assistant]"
)


@pytest.fixture
def tokenizer(tiny_llama: Path) -> PreTrainedTokenizerFast:
    return AutoTokenizer.from_pretrained(tiny_llama)


def chosen(tokenizer: Any, template: Any, **options: Any) -> chat_formats.Format:
    tokenizer.chat_template = template
    return chat_formats.choose("auto", "m", tokenizer, TemplateOptions(**options))


def test_a_date_is_fixed_and_part_of_the_formats_name(tokenizer: Any) -> None:
    one, other = (chosen(tokenizer, DATED, day=date(2026, 11, n)) for n in (24, 25))
    assert "Today: 24 Nov 2026" in one.wrap("Is it?")
    assert one.name != other.name
    assert one.name.endswith("(date=2026-11-24)")
    today = chosen(tokenizer, DATED)
    assert today.name == chosen(tokenizer, DATED, day=date.today()).name
    assert today.wrap("Is it?") == today.wrap("Is it?")


def test_a_format_that_nothing_changes_keeps_its_old_name(tokenizer: Any) -> None:
    plain = chosen(tokenizer, PLAIN)
    assert "~" not in plain.name and "(" not in plain.name
    assert chosen(tokenizer, PLAIN, day=date(2026, 11, 24)).name == plain.name
    assert chosen(tokenizer, THINKING).name.count("~") == 0


def test_arguments_and_a_system_prompt_change_text_and_name(tokenizer: Any) -> None:
    plain = chosen(tokenizer, THINKING)
    told = chosen(tokenizer, THINKING, arguments=(("enable_thinking", False),))
    assert told.wrap("Is it?") == plain.wrap("Is it?") + "-"
    assert told.name.endswith("(enable_thinking=false)")
    first, second = (chosen(tokenizer, PLAIN, system=text) for text in ("Be kind.", "Be brief."))
    assert first.wrap("Is it?").startswith("[system]Be kind.</s>[user]Is it?")
    assert first.name != second.name
    own = [{"role": "system", "content": "Own."}, {"role": "user", "content": "Is it?"}]
    assert "Be kind." not in first.conversation(own)


def test_a_conversation_may_bring_arguments_of_its_own(tokenizer: Any) -> None:
    asked = [{"role": "user", "content": "Is it?"}]
    made = chosen(tokenizer, THINKING)
    assert made.conversation(asked, {"enable_thinking": False}) == made.conversation(asked) + "-"
    for name in ("chat_template", "tokenize"):
        with pytest.raises(InputError, match=f"^chat_template_kwargs: {name} is no variable"):
            made.conversation(asked, {name: "{{ 1 }}"})
    with pytest.raises(InputError, match=r"^chat_template_kwargs: prompts are not written by"):
        chosen(tokenizer, None).conversation(asked, {"enable_thinking": False})


def test_a_template_that_wants_parts_gets_them(tokenizer: Any) -> None:
    made = chosen(tokenizer, PARTS)
    assert made.wrap("Is it?") == "[user]Is it?</s>[assistant]"
    assert made.end == (tokenizer.eos_token_id,)
    raw = chat_formats.choose("none", "m", tokenizer)
    assert raw.conversation([{"role": "user", "content": "Is it?"}]) == made.wrap("Is it?")


@pytest.mark.parametrize(
    ("template", "options", "words"),
    [
        ({"rag": PLAIN, "tool_use": DATED}, {}, "chat templates rag, tool_use and no default"),
        ({"rag": PLAIN}, {"arguments": (("chat_template", "x"),)}, "has the templates rag"),
        (PLAIN, {"arguments": (("chat_template", "x"),)}, "one template without a name"),
        (PLAIN, {"arguments": (("tokenize", True),)}, "tokenize: it is no variable"),
        ("[user][assistant]", {}, "does not show the prompt"),
        ("{{ raise_exception('never') }}", {}, "does not show the prompt .*never"),
    ],
)
def test_a_template_that_cannot_be_used_is_a_clear_error(
    template: Any, options: dict[str, Any], words: str, tokenizer: Any
) -> None:
    with pytest.raises(InputError, match=words):
        chosen(tokenizer, template, **options)
    raw = chat_formats.choose("none", "m", tokenizer)
    assert raw.wrap("Is it?") == "Is it?"


def test_a_named_template_can_be_chosen(tokenizer: Any) -> None:
    named = {"rag": PLAIN, "tool_use": DATED}
    made = chosen(tokenizer, named, arguments=(("chat_template", "rag"),))
    assert made.wrap("Is it?") == "[user]Is it?</s>[assistant]"
    usual = chosen(tokenizer, {"default": PLAIN, "rag": DATED})
    assert usual.wrap("Is it?") == "[user]Is it?</s>[assistant]"
    tokenizer.chat_template = named
    raw = chat_formats.choose("none", "m", tokenizer)
    with pytest.raises(InputError, match="no default"):
        raw.conversation([{"role": "user", "content": "Is it?"}])


def test_options_without_a_template_are_refused(tokenizer: Any) -> None:
    tokenizer.chat_template = None
    for name in ("auto", "alpaca"):
        with pytest.raises(InputError, match="the prompt format is"):
            chat_formats.choose(name, "m", tokenizer, TemplateOptions(system="x"))


@pytest.mark.parametrize(
    ("day", "arguments", "words"),
    [
        ("24.11.2026", [], "YYYY-MM-DD"), (None, ["x"], "NAME=VALUE"),
        (None, ["x=1", "x=2"], "each name once"),
    ],
)
def test_malformed_options_are_named(day: str | None, arguments: list[str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        template_options(day, None, arguments)


def test_values_of_arguments_are_json_or_text() -> None:
    made = template_options("2026-11-24", "", ["enable_thinking=false", "mood=glad", "n=2"])
    assert made.arguments == (("enable_thinking", False), ("mood", "glad"), ("n", 2))
    assert (made.day, made.system) == (date(2026, 11, 24), None)
    assert not template_options(None, None, [])


def test_the_engine_tells_its_spec_and_an_index_of_another_day_is_refused(
    tiny_llama: Path, tmp_path: Path, tokenizer: Any
) -> None:
    folder = tmp_path / "dated"
    shutil.copytree(tiny_llama, folder)
    tokenizer.chat_template = DATED
    tokenizer.save_pretrained(folder)
    specs = []
    for day in (24, 25):
        options = TemplateOptions(day=date(2026, 11, day))
        engine = TransformersEngine(
            folder, prompt_format="auto", loading=Loading(device="cpu", template=options)
        )
        specs.append(engine.models()[0].spec)
        engine.close()
    assert specs[0].prompt_format != specs[1].prompt_format
    assert chat_template.PROBE in chosen(tokenizer, DATED).wrap(chat_template.PROBE)
    with pytest.raises(MismatchError, match="--template-date"):
        saved_index.check_spec(tmp_path, specs[0], specs[1])
