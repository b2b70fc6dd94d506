from dataclasses import replace

from robustness.types import Example, Instruction, Prompt, TaskType, content_id

BASE = Instruction(text="Is it good?\n{text}", collection="mine", task_type=TaskType.BC)


def test_ids_follow_the_content() -> None:
    assert BASE.id == replace(BASE, id="").id
    assert BASE.id != replace(BASE, id="", text="Is it bad?\n{text}").id
    assert content_id("a", "bc") != content_id("ab", "c")


def test_an_example_and_a_prompt_are_known_by_what_they_say() -> None:
    first = Example(task="t", fields={"text": "a"}, options=("x", "y"))
    assert first.id == Example(task="t", fields={"text": "a"}, options=("x", "y")).id
    assert first.id != Example(task="t", fields={"text": "b"}, options=("x", "y")).id
    prompt = Prompt(instruction_id="", example_id="", text="p", options=("x",))
    assert prompt.id != replace(prompt, id="", options=("y",)).id
