import pytest

from robustness.data.answers import parse

OPTIONS = ("positive", "negative")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("positive", "positive"),
        (" Positive.\n", "positive"),
        ("The answer is: negative", "negative"),
        ("The answer is negative because it complains.", "negative"),
        ("positive or negative", None),
        ("not positive", None),
        ("I do not know", None),
        ("", None),
        ("\n\n", None),
        ("positively surprising", None),
    ],
)
def test_free_text_names_one_option_or_is_unparsed(text: str, wanted: str | None) -> None:
    assert parse(text, OPTIONS, OPTIONS) == wanted


@pytest.mark.parametrize("text", ["B", "(B)", "B.", "B) harbour", "B. the harbour"])
def test_letters_stand_for_options(text: str) -> None:
    assert parse(text, ("kitchen", "harbour"), ("A", "B")) == "harbour"


def test_a_letter_inside_a_sentence_is_no_answer() -> None:
    assert parse("A man is there", ("kitchen", "harbour"), ("A", "B")) is None


def test_label_words_are_read_before_options() -> None:
    assert parse("no", ("yes it is", "no"), ("no", "yes")) == "yes it is"
