import pytest

from robustness.data import user_instruction
from robustness.errors import InputError
from robustness.types import Example, TaskType


def test_a_bare_instruction_lists_the_options_and_a_template_does_not() -> None:
    assert user_instruction.instruction("Which?", TaskType.MC, None).option_format == "dashes"
    assert user_instruction.instruction("Which? {text}", TaskType.MC, None).option_format == ""
    assert (
        user_instruction.instruction("{text} {options}", TaskType.MC, None).option_format
        == "dashes"
    )


def test_an_empty_one_is_refused() -> None:
    with pytest.raises(InputError, match="empty"):
        user_instruction.instruction(" \n", TaskType.MC, None)


def test_two_options_make_it_binary() -> None:
    example = Example(task="own", fields={"text": "x"}, options=("a", "b"))
    assert user_instruction.type_of([example]) is TaskType.BC
