import re

import pytest

from robustness import instructions
from robustness.alterations import negate
from robustness.alterations.negation import TAKEN_BACK
from robustness.prompts import placeholders


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
    ],
)
def test_the_sentence_that_asks_is_turned(text: str, wanted: str) -> None:
    assert negate(text) == wanted


def test_a_text_that_no_rule_understands_is_taken_back() -> None:
    assert negate("lang = {options}\ntext = {text}\nlang =").startswith(TAKEN_BACK)


def test_every_shipped_instruction_is_changed_and_keeps_its_placeholders() -> None:
    for name in (instructions.OBSERVED, instructions.UNOBSERVED_DEVELOPMENT):
        for instruction in instructions.builtin(name):
            made = negate(instruction.text)
            assert made != instruction.text
            assert sorted(placeholders(made)) == sorted(placeholders(instruction.text))
            assert re.search(r"\bnot\b", made)
