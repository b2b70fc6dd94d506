import re

import pytest

from robustness.data import instructions
from robustness.data.prompts import placeholders
from robustness.evaluation.perturbations import negate
from robustness.evaluation.perturbations.negation import TAKEN_BACK


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Where is {name}? {story}", "Where is {name} not? {story}"),
        ("{story}\nWhat does {name} carry?\nA:", "{story}\nWhat does {name} not carry?\nA:"),
        ("Say if this is a view or a fact.", "Do not say if this is a view or a fact."),
        ("{story} {name} is in the", "{story} {name} is not in the"),
        ("{story} {name} carries a", "{story} {name} does not carry a"),
        ("Please choose the topic.\n{text}", "Please do not choose the topic.\n{text}"),
        ("Your task is to name the topic.\n{text}", "Your task is not to name the topic.\n{text}"),
        ("Is the following an opinion or a fact?", "Is the following not an opinion or a fact?"),
        ("Is this an opinion?", "Is this not an opinion?"),
        (
            "Is this remark about a product a pro or a con?",
            "Is this remark about a product not a pro or a con?",
        ),
        ("Does the customer complain here? Yes?", "Does the customer not complain here? Yes?"),
        ("What is the topic of this sentence?", "What is not the topic of this sentence?"),
        (
            "What colour is the thing that {name} carries?",
            "What colour is not that of the thing that {name} carries?",
        ),
        ("Which language is this written in?", "Which language is this not written in?"),
        ("Does this come from a review?", "Does this not come from a review?"),
        ("Who gave {name} the thing?", "Who did not give {name} the thing?"),
        ("Which area of life is described?", "Which area of life is not described?"),
        ("Which room or place holds {name}?", "Which room or place does not hold {name}?"),
        ("How many people act in it?", "How many people do not act in it?"),
        (
            "How does the person feel: happy or sad?\n{text}",
            "How does the person not feel: happy or sad?\n{text}",
        ),
        ("Could you please tell me the topic?", "Could you please not tell me the topic?"),
        ("Is it a view or a fact?", "Is it not a view or a fact?"),
    ],
)
def test_the_sentence_that_asks_is_turned(text: str, wanted: str) -> None:
    assert negate(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "In this task, you are given a sentence. Your task is to classify it as good or bad.",
            "In this task, you are given a sentence. Your task is not to classify it as good or "
            "bad.",
        ),
        (
            "You will be given a sentence. You must judge whether it is toxic.",
            "You will be given a sentence. You must not judge whether it is toxic.",
        ),
        (
            "In this task you need to indicate the plausibility of the reasoning.",
            "In this task you must not indicate the plausibility of the reasoning.",
        ),
        (
            "In this task, given a premise, choose the more plausible alternative.",
            "In this task, given a premise, do not choose the more plausible alternative.",
        ),
        (
            "Given an entity as input, output another entity which is part of it.",
            "Given an entity as input, do not output another entity which is part of it.",
        ),
        ("Generate a title for the given text.", "Do not generate a title for the given text."),
        ("You are asked to translate it.", "You are asked not to translate it."),
        ("We ask you to write a question.", "We ask you not to write a question."),
        ("The task is to find the language.", "The task is not to find the language."),
        ("This task is about finding relations.", "This task is not about finding relations."),
    ],
)
def test_definitions_of_natural_instructions_are_turned(text: str, wanted: str) -> None:
    assert negate(text) == wanted


_ODD = re.compile(
    r"\b(?:a|an|the) not\b|\bnot (?:not|yes)\b|\b(?:here|carries|feel|complain) not\b"
    r"|\b(?:do|does|did) not (?:is|are|was|were)\b"
)


def test_no_shipped_instruction_gets_a_not_where_none_can_stand() -> None:
    for name in (instructions.OBSERVED, instructions.UNOBSERVED_DEVELOPMENT):
        for instruction in instructions.builtin(name):
            made = negate(instruction.text)
            assert not _ODD.search(made), made


def test_a_text_that_no_rule_understands_is_taken_back() -> None:
    assert negate("lang = {options}\ntext = {text}\nlang =").startswith(TAKEN_BACK)


def test_every_shipped_instruction_is_changed_and_keeps_its_placeholders() -> None:
    for name in (instructions.OBSERVED, instructions.UNOBSERVED_DEVELOPMENT):
        for instruction in instructions.builtin(name):
            made = negate(instruction.text)
            assert made != instruction.text
            assert sorted(placeholders(made)) == sorted(placeholders(instruction.text))
            assert re.search(r"\bnot\b", made)


@pytest.mark.parametrize(
    "text", ["Does an {text}?", "Why does an opinion?", "Do the facts? Does an opinion here?"]
)
def test_not_never_parts_an_article_from_its_noun(text: str) -> None:
    assert not re.search(r"\b(?:an?|the) not\b", negate(text))
