import pytest

from robustness.data import prompts
from robustness.errors import InputError
from robustness.types import Example, Instruction, TaskType

EXAMPLE = Example(
    task="t", fields={"text": "so {good}"}, options=("positive", "negative"), answer="positive"
)


def instruction(text: str, **values: object) -> Instruction:
    return Instruction(text=text, collection="c", task_type=TaskType.BC, **values)  # type: ignore[arg-type]


def test_a_template_is_filled_and_the_input_is_never_read_as_a_template() -> None:
    prompt = prompts.fill(instruction("Review: {text}\nAnswer:"), EXAMPLE)
    assert prompt.text == "Review: so {good}\nAnswer:"
    assert prompt.options == ("positive", "negative")


def test_field_names_may_have_digits_but_not_begin_with_one() -> None:
    pair = Example(
        task="t", fields={"sentence1": "a", "text_2": "b"}, options=("same", "other"), answer="same"
    )
    assert prompts.placeholders("{sentence1} {2} {text_2} {1st} {A}") == ["sentence1", "text_2"]
    assert prompts.fill(instruction("{text_2}/{sentence1} {0}"), pair).text == "b/a {0}"
    bare = prompts.fill(instruction("Same?"), pair).text
    assert bare == "Same?\nSentence1: a\nText_2: b\nAnswer:"
    names = [prompts.field_name(n) for n in ("Sentence-1", "2nd part", "text_2", "?")]
    assert names == ["sentence_1", "field_2nd_part", "text_2", "field"]


def test_label_words_are_listed_and_scored() -> None:
    made = instruction(
        "{text} {options}", option_format="or", label_words={"positive": "yes", "negative": "no"}
    )
    prompt = prompts.fill(made, EXAMPLE)
    assert prompt.text.endswith("yes or no")
    assert prompt.options == ("yes", "no")


def test_letter_formats_make_the_letter_the_answer() -> None:
    prompt = prompts.fill(instruction("{text}\n{options}", option_format="letters_paren"), EXAMPLE)
    assert "(A) positive\n(B) negative" in prompt.text
    assert prompt.options == ("A", "B")


def test_a_bare_instruction_is_laid_out_above_the_input() -> None:
    prompt = prompts.fill(instruction("Is it good?", option_format="dashes"), EXAMPLE)
    assert prompt.text == "Is it good?\nso {good}\nOptions:\n- positive\n- negative\nAnswer:"


def test_an_unknown_placeholder_names_it_and_the_fields_that_exist() -> None:
    with pytest.raises(InputError, match=r"\{review\}.*\{text\}"):
        prompts.fill(instruction("{review}"), EXAMPLE)


@pytest.mark.parametrize("name", sorted(prompts.OPTION_FORMATS))
def test_every_option_format_shows_every_option(name: str) -> None:
    written = prompts.OPTION_FORMATS[name](("red", "blue", "green"))
    assert all(word in written for word in ("red", "blue", "green"))


@pytest.mark.parametrize("style", ["letters_dot", "letters_paren"])
def test_more_options_than_there_are_letters_are_refused(style: str) -> None:
    options = tuple(f"option {n}" for n in range(27))
    listed = instruction("{text}\n{options}", option_format=style)
    many = Example(task="t", fields={"text": "x"}, options=options)
    with pytest.raises(InputError, match="found 27 options; give at most 26"):
        prompts.fill(listed, many)
    prompts.fill(listed, Example(task="t", fields={"text": "x"}, options=options[:26]))
