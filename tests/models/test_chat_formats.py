import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from robustness.errors import InputError
from robustness.index.saved_index import load
from robustness.models import chat_formats
from robustness.models.transformers_engine import TransformersEngine
from robustness.types import Prompt

ALPHABET = sorted(
    {c for text in chat_formats._TEXTS.values() for c in text} | set("Is it red?[]user assistant")
)
FIRST = 3


@pytest.fixture
def tokenizer() -> Any:
    """One token a character, with a first token."""
    vocabulary = {"<pad>": 0, "<s>": 1, "</s>": 2}
    vocabulary |= {c: n for n, c in enumerate(ALPHABET, FIRST)}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    made.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )


def ids(text: str) -> list[int]:
    return [1, *(FIRST + ALPHABET.index(c) for c in text)]


POLITE = (
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives "
    "helpful, detailed, and polite answers to the user's questions. "
)
EXPECTED = {
    "none": "Is it red?",
    "alpaca": "Below is an instruction that describes a task. Write a response that appropriately "
    "completes the request.\n\n### Instruction:\nIs it red?\n\n### Response:",
    "vicuna": POLITE + "USER: Is it red? ASSISTANT:",
    "wizardlm": "Is it red?\n\n### Response:",
}


@pytest.mark.parametrize("name", EXPECTED)
def test_every_format_gives_exactly_its_tokens(name: str, tokenizer: Any) -> None:
    made = chat_formats.choose(name, "m", tokenizer)
    assert tokenizer(made.wrap("Is it red?")).input_ids == ids(EXPECTED[name])


def test_auto_takes_the_chat_template_without_doubling_the_first_token(tokenizer: Any) -> None:
    tokenizer.chat_template = (
        "{{ bos_token }}{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}{% endfor %}"
        "{% if add_generation_prompt %}[assistant]{% endif %}"
    )
    made = chat_formats.choose("auto", "vicuna-7b", tokenizer)
    assert made.name.startswith("chat@")
    assert tokenizer(made.wrap("Is it red?")).input_ids == ids("[user]Is it red?[assistant]")


TURNS = "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}"
LAST = "{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"


def with_token(tokenizer: Any, text: str) -> int:
    """Adds a special token, as the end of a turn in Gemma's vocabulary."""
    tokenizer.add_special_tokens({"additional_special_tokens": [text]})
    return int(tokenizer.convert_tokens_to_ids(text))


def test_an_answer_ends_as_the_chat_template_ends_one(tokenizer: Any) -> None:
    end = with_token(tokenizer, "<end_of_turn>")
    # The line break behind it separates turns, and no answer has one.
    tokenizer.chat_template = TURNS + "<end_of_turn>\n" + LAST
    made = chat_formats.choose("auto", "gemma", tokenizer)
    assert made.end == (end,)
    assert chat_formats.stop_ids(tokenizer) == (end,)
    assert made.name.startswith("chat@") and made.name.endswith("+<end_of_turn>")


def test_a_template_that_ends_an_answer_as_the_tokenizer_does_keeps_its_name(
    tokenizer: Any,
) -> None:
    tokenizer.chat_template = TURNS + "</s>" + LAST
    made = chat_formats.choose("auto", "m", tokenizer)
    assert made.end == (tokenizer.eos_token_id,)
    assert "+" not in made.name


def test_a_template_may_end_an_answer_with_text(tokenizer: Any) -> None:
    tokenizer.chat_template = TURNS + "]]" + LAST
    made = chat_formats.choose("auto", "m", tokenizer)
    assert made.end == tuple(ids("]]")[1:])
    assert chat_formats.stop_ids(tokenizer) == ()
    assert made.name.endswith("+]]")


@pytest.mark.parametrize(
    "template",
    [
        TURNS + LAST,
        TURNS + "{% if m['role'] == 'assistant' %}{{ raise_exception('no') }}{% endif %}" + LAST,
        "{% for m in messages %}[{{ m['content'] | upper }}]{% endfor %}",
    ],
)
def test_a_template_that_says_nothing_leaves_the_tokenizers_end(
    template: str, tokenizer: Any
) -> None:
    tokenizer.chat_template = template
    assert chat_formats.template_end(tokenizer) == ()
    assert chat_formats.choose("auto", "m", tokenizer).end == (tokenizer.eos_token_id,)


def test_other_formats_end_an_answer_with_the_tokenizers_end(tokenizer: Any) -> None:
    with_token(tokenizer, "<end_of_turn>")
    tokenizer.chat_template = TURNS + "<end_of_turn>\n" + LAST
    for name in EXPECTED:
        assert chat_formats.choose(name, "m", tokenizer).end == (tokenizer.eos_token_id,)


def test_options_are_scored_with_the_templates_end_and_generations_stop_at_it(
    tiny_llama: Path, tmp_path: Path
) -> None:
    """Whatever `eos_token` says, a model's options end as its template ends an answer."""
    template = (
        "{% for m in messages %}<s>{{ m['content'] }}</s>\n{% endfor %}"
        "{% if add_generation_prompt %}<s>{% endif %}"
    )
    engines = {}
    for eos in ("</s>", "<pad>"):
        folder = tmp_path / eos.strip("</>") / "chatty"
        shutil.copytree(tiny_llama, folder)
        (folder / "chat_template.jinja").write_text(template)
        settings = json.loads((folder / "tokenizer_config.json").read_text())
        (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"eos_token": eos}))
        generation = {"eos_token_id": 0} if eos == "<pad>" else {"eos_token_id": 2}
        (folder / "generation_config.json").write_text(json.dumps(generation))
        engines[eos] = TransformersEngine(folder, device="cpu", prompt_format="auto")
    asked = [
        Prompt(instruction_id="i", example_id="e", text="Is it red?", options=("yes", "no"))
    ]
    right, other = (e.read("chatty", asked)[0] for e in engines.values())
    np.testing.assert_array_equal(right.option_logprobs, other.option_logprobs)
    assert {e.checkpoint.end for e in engines.values()} == {0, 2}
    assert 2 in engines["<pad>"].checkpoint.stops
    first, second = (e.models()[0].spec for e in engines.values())
    assert second.prompt_format == f"{first.prompt_format}+</s>"


def test_a_chat_template_that_changes_nothing_is_no_format(tokenizer: Any) -> None:
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    assert chat_formats.choose("auto", "m", tokenizer).name == "none"


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("chavinlo/alpaca-native", "alpaca"),
        ("lmsys/vicuna-7b-v1.5", "vicuna"),
        ("models/WizardLM-7B-V1.0/", "wizardlm"),
        ("WizardLM/WizardLM-13B-V1.2", "vicuna"),
        ("vicuna-experiments/llama", "none"),
        ("google/flan-t5-xl", "none"),
    ],
)
def test_auto_knows_models_older_than_chat_templates_by_name(
    model: str, name: str, tokenizer: Any
) -> None:
    assert chat_formats.choose("auto", model, tokenizer).name == name


def test_braces_in_a_prompt_stay(tokenizer: Any) -> None:
    made = chat_formats.choose("wizardlm", "m", tokenizer)
    assert made.wrap("{prompt} {x}").startswith("{prompt} {x}\n")


def test_a_conversation_without_a_template_is_one_prompt(tokenizer: Any) -> None:
    messages = [{"role": "system", "content": "Is it"}, {"role": "user", "content": "red?"}]
    made = chat_formats.choose("wizardlm", "m", tokenizer)
    assert made.conversation(messages) == "Is it\nred?\n\n### Response:"


def test_an_unknown_format_is_refused_with_the_known_ones(tokenizer: Any) -> None:
    with pytest.raises(InputError, match="auto, none, alpaca, vicuna, wizardlm"):
        chat_formats.choose("chatml", "m", tokenizer)


def test_the_engine_reads_formatted_prompts_and_says_so_in_the_spec(tiny_llama: Path) -> None:
    plain = TransformersEngine(tiny_llama, device="cpu")
    wrapped = TransformersEngine(tiny_llama, device="cpu", prompt_format="wizardlm")
    texts = ("Is it red?", EXPECTED["wizardlm"])
    asked = [
        Prompt(instruction_id="i", example_id="e", text=text, options=("yes", "no"))
        for text in texts
    ]
    one = wrapped.read("tiny-llama", asked[:1])[0]
    other = plain.read("tiny-llama", asked[1:])[0]
    np.testing.assert_array_equal(one.option_logprobs, other.option_logprobs)
    np.testing.assert_allclose(
        wrapped.represent("tiny-llama", texts[:1])[0], one.representation, atol=1e-4
    )
    assert one.prompt_id == asked[0].id
    assert wrapped.models()[0].spec.prompt_format == "wizardlm"
    assert plain.models()[0].spec != wrapped.models()[0].spec


def test_shipped_indexes_fit_the_embedded_backbone_with_auto(backbone: Path) -> None:
    engine = TransformersEngine(backbone, device="cpu", prompt_format="auto")
    spec = engine.models()[0].spec
    assert spec.prompt_format == "none"
    folder = Path(__file__).parents[2] / "indexes" / spec.model / "original"
    if folder.is_dir():
        assert load(folder, spec).spec == spec
