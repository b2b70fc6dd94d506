from pathlib import Path

import pytest

from robustness.data import instructions, prompts
from robustness.data.tasks import builtin, builtin_names
from robustness.errors import InputError
from robustness.stats.shingles import NEAR, jaccard, shingles
from robustness.storage import files

GOOD = {"text": "Is it so? {text}", "collection": "c", "task_type": "BC"}
COLLECTIONS = [
    instructions.OBSERVED, instructions.PARAPHRASES, instructions.UNOBSERVED_CALIBRATION,
    instructions.UNOBSERVED_DEVELOPMENT, instructions.UNOBSERVED_TEST,
]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label_word": {}}, "label_word"),
        ({"task_type": "XY"}, "task_type"),
        ({"option_format": "table"}, "option_format 'table' is unknown"),
        ({"label_words": {"a": "x", "b": "x"}}, "one word to two options"),
        ({"text": "{options} {text}"}, "option_format is empty"),
        ({"id": "0000"}, "is not the hash of the content"),
    ],
)
def test_a_malformed_row_is_refused_and_says_where(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        instructions.parse_instruction(GOOD | change, "file, row 3")


def test_two_rows_of_equal_content_are_refused(tmp_path: Path) -> None:
    files.write_jsonl(tmp_path / "c.jsonl", [GOOD, GOOD])
    with pytest.raises(InputError, match="row 2"):
        instructions.read_collection(tmp_path / "c.jsonl")


def test_what_is_written_is_read_back_equal(tmp_path: Path) -> None:
    made = instructions.builtin(instructions.OBSERVED)
    instructions.write_collection(tmp_path / "c.jsonl", made)
    assert instructions.read_collection(tmp_path / "c.jsonl") == made


@pytest.mark.parametrize("name", COLLECTIONS)
def test_every_shipped_instruction_fills_with_an_input_of_its_task(name: str) -> None:
    for instruction in instructions.builtin(name):
        example = builtin(str(instruction.task)).examples[0]
        prompt = prompts.fill(instruction, example)
        assert len(set(prompt.options)) == len(example.options)
        assert "{" not in prompt.text
        assert all(value in prompt.text for value in example.fields.values())


def test_the_observed_set_has_the_size_of_the_papers() -> None:
    made = instructions.builtin(instructions.OBSERVED)
    counts = {t: sum(i.task_type == t for i in made) for t in ("QA", "MC", "BC")}
    assert counts["QA"] >= 50
    assert counts["MC"] >= 35
    assert counts["BC"] >= 18


def test_every_task_has_ten_unobserved_instructions() -> None:
    names = (instructions.UNOBSERVED_DEVELOPMENT, instructions.UNOBSERVED_TEST)
    for task in builtin_names():
        assert sum(i.task == task for n in names for i in instructions.builtin(n)) >= 10, task


def test_every_task_that_is_predicted_has_eleven_instructions_to_calibrate_on() -> None:
    made = instructions.builtin(instructions.UNOBSERVED_CALIBRATION)
    for task in {i.task for i in instructions.builtin(instructions.OBSERVED)}:
        assert sum(i.task == task for i in made) >= 11, task


@pytest.mark.slow
def test_no_set_contains_a_near_duplicate_of_another_set() -> None:
    sets = [[shingles(i.text) for i in instructions.builtin(name)] for name in COLLECTIONS]
    for a, first in enumerate(sets):
        for second in sets[a + 1 :]:
            assert max(jaccard(x, y) for x in first for y in second) <= NEAR
