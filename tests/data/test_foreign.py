from robustness.data import foreign, instructions
from robustness.data.foreign import Kind, Part


def test_the_two_parts_share_no_text_and_are_the_same_every_time() -> None:
    fitted, held_out = foreign.texts(Part.DEVELOPMENT), foreign.texts(Part.HELD_OUT)
    assert not {f.text for f in fitted} & {f.text for f in held_out}
    assert fitted == foreign.texts(Part.DEVELOPMENT)
    assert {f.kind for f in held_out} == {
        Kind.CHAT, Kind.UNKNOWN_TASK, Kind.LANGUAGE, Kind.GIBBERISH,
    }
    assert len(fitted) + len(held_out) >= 300


def test_a_tasks_foreign_texts_are_no_lines_of_its_own_templates() -> None:
    observed = instructions.builtin(instructions.OBSERVED)
    made = foreign.for_tasks(["place", "polarity"], observed, Part.DEVELOPMENT, each=20)
    for name in ("place", "polarity"):
        mine = [f for f in made if f.task == name]
        assert len(mine) == 20
        lines = {
            line.strip() for i in observed if i.task == name for line in i.text.splitlines()
        }
        assert sum(f.kind is Kind.OTHER_TASK for f in mine) == 5
        assert not {f.text for f in mine} & lines


def test_a_line_that_several_tasks_have_is_an_instruction_for_none() -> None:
    found = foreign.typed_lines(instructions.builtin(instructions.PARAPHRASES))
    assert not [text for text, _ in found if text == "Pay attention to the details."]
    assert len({text.lower() for text, _ in found}) > 200
