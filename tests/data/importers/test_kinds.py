import pytest

from robustness.data.importers import kinds, wording
from robustness.data.importers.kinds import Answers
from robustness.data.importers.wording import UnreadableError, mark
from robustness.types import TaskType


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (Answers(words=("Yes", "No")), TaskType.BC),
        (Answers(words=("a good one", "a bad one", "neither")), TaskType.MC),
        (Answers(words=("A", "B")), TaskType.QA),
        (Answers(words=("Ending 1", "Ending 2")), TaskType.QA),
        (Answers(words=("Yes", "yes")), None),
        (Answers(count=2, vary=True), TaskType.BC),
        (Answers(vary=True), TaskType.QA),
        (Answers(asks=True), TaskType.QA),
        (Answers(stated=TaskType.MC, words=("Yes", "No")), TaskType.MC),
        (Answers(), None),
    ],
)
def test_the_rule(answers: Answers, expected: TaskType | None) -> None:
    assert kinds.infer(answers) is expected


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Classify the tone into positive, negative or mixed.", 3),
        ('You can answer "Support" or "Unsupport".', 2),
        ("Tell me whether it is spam.", 2),
        ("Is it so? Yes or no?", 2),
        ("Is the behaviour ethical or not", 2),
        ("Topic candidates include: politics, sports, health, and business.", 4),
        ("Is this review good, bad or neither?", 3),
        ("Write a poem.", 0),
    ],
)
def test_alternatives_that_an_instruction_names_are_counted(text: str, count: int) -> None:
    assert kinds.named(text) == count


@pytest.mark.parametrize(
    ("shape", "style"),
    [
        ("- {0}\n- {1}\n- {2}", "dashes"), ("* {0}\n* {1}\n* {2}", "stars"),
        ("A. {0}\nB. {1}\nC. {2}", "letters_dot"), ("(a) {0} (b) {1} (c) {2}", "letters_paren"),
        ("A: {0}\nB: {1}\nC: {2}", "letters_dot"), ("{0}, {1}, {2}", "commas"),
        ("{0}, {1} or {2}", "or"), ("{0} | {1} | {2}", "bars"), ("{0} / {1} / {2}", "slashes"),
        ('"{0}", "{1}", "{2}"', "quoted"),
    ],
)
def test_a_list_of_options_is_recognised_by_its_form(shape: str, style: str) -> None:
    text = shape.format(*(mark(f"choice{x}") for x in "ABC"))
    made = wording.finish(f"{mark('question')} Options: {text}\nAnswer:")
    assert made.option_format == style
    assert made.text.endswith("{options}\nAnswer:")
    assert made.fields == ("question",)


def test_a_numbered_list_is_kept_unless_its_options_are_the_answers() -> None:
    text = f"{mark('question')}\n1. {mark('choice0')}\n2. {mark('choice1')}"
    assert wording.finish(text).text == "{question}\n1. {choice0}\n2. {choice1}"
    made = wording.finish(text, lettered=False)
    assert (made.text, made.option_format) == ("{question}\n{options}", "dashes")
    assert "letters or numbers" in made.changes[0]


def test_numbered_fields_that_are_no_options_stay_fields() -> None:
    made = wording.finish(f"- {mark('sentence1')}\n- {mark('sentence2')}")
    assert made.text == "- {sentence1}\n- {sentence2}"
    assert made.option_format == ""


def test_braces_of_the_text_are_never_read_as_a_field() -> None:
    assert wording.finish(wording.formatted("{{A}} {x}")).text == "{A} {x}"
    with pytest.raises(UnreadableError, match=r"\{word\}"):
        wording.finish(wording.formatted("{{word}} {x}"))
