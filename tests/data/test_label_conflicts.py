import pytest

from robustness.data import instructions, label_conflicts, tasks
from robustness.types import Instruction, TaskType

SHIPPED_OPTIONS = {
    "question_type": ("abbreviation", "description", "entity", "person", "place", "number"),
    "dialogue_act": ("greeting", "farewell", "question", "statement", "emotion"),
    "language": ("english", "german", "french", "spanish", "italian", "dutch"),
    "polarity": ("positive", "negative"),
    "subjectivity": ("opinion", "fact"),
    "pros_cons": ("pro", "con"),
}


def instruction(text: str, option_format: str = "", **words: str) -> Instruction:
    return Instruction(
        text=text, collection="test", task_type=TaskType.MC, option_format=option_format,
        label_words=words,
    )


def options_of(task: str | None) -> tuple[str, ...]:
    if task in tasks.builtin_names():
        return tasks.builtin(task).examples[0].options
    return SHIPPED_OPTIONS[str(task)]


@pytest.mark.parametrize("known", instructions.builtin("observed"), ids=lambda i: i.id)
def test_no_observed_instruction_conflicts(known: Instruction) -> None:
    assert label_conflicts.find(known, options_of(known.task)) == ()


def test_true_false_neither_scored_on_letters_is_found() -> None:
    made = label_conflicts.find(
        instruction("{text}\n{options}\nAnswer True, False or Neither.", "letters_dot"),
        ("supports", "refutes", "not enough info"),
    )
    assert made[0].asked == ("True", "False", "Neither")
    assert made[0].read == ("A", "B", "C")
    assert "A, B or C" in str(made[0].suggestion)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Is the review good? Answer yes or no.", ("yes", "no")),
        ("Is the review good (yes/no)?", ("yes", "no")),
        ("Reply with 'good' or 'bad'.", ("good", "bad")),
        ("Answer A or B.", ("A", "B")),
        ("Give the letter of the option: write the correct letter.", ("the letter of an option",)),
        ("Classify the review. Explain your answer.", ("a free explanation",)),
        ("Is this correct or incorrect?", ("correct", "incorrect")),
    ],
)
def test_what_the_scorer_does_not_read_is_found(text: str, asked: tuple[str, ...]) -> None:
    found = label_conflicts.find(instruction(text), ("positive", "negative"))
    assert asked in [c.asked for c in found]


@pytest.mark.parametrize(
    "text",
    [
        "Is the review positive or negative?",
        "Answer 'positive' or 'negative'.",
        "Which label? Do not explain your answer.",
        "Do not answer yes or no; say positive or negative.",
        "Is it true that the reviewer liked it?",
        "A film and B movies are reviewed here.",
    ],
)
def test_harmless_instructions_are_let_through(text: str) -> None:
    assert label_conflicts.find(instruction(text), ("positive", "negative")) == ()


def test_label_words_are_what_is_read() -> None:
    text = "Did they like it? Answer yes or no."
    made = instruction(text, positive="yes", negative="no")
    assert label_conflicts.find(made, ("positive", "negative")) == ()


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("Is it good? Answer yes or no.", "Is it good? Answer positive or negative."),
        (
            "Classify the review. Explain your answer.\n{text}\nLabel:",
            "Classify the review.\n{text}\nLabel:",
        ),
        ("Classify the review and explain why.", "Classify the review."),
        ("Which is it? Write the correct letter.", "Which is it? Write positive or negative."),
        ("Give the letter of the right option.", "Give positive or negative."),
        ("Good? Answer \"yes\" or \"no\".", "Good? Answer \"positive or negative\"."),
        ("Is it good (yes/no)? Give a reason.", "Is it good (positive or negative)?"),
    ],
)
def test_the_rewriting_asks_for_what_is_read(text: str, rewritten: str) -> None:
    found = label_conflicts.find(instruction(text), ("positive", "negative"))
    assert found
    assert {c.suggestion for c in found} == {rewritten}
    assert label_conflicts.find(instruction(rewritten), ("positive", "negative")) == ()
