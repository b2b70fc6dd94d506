from pathlib import Path

import pytest

from robustness.data.importers import flan
from robustness.errors import InputError
from robustness.types import TaskType

FIRST = '''
"""Templates."""
PATTERNS = {
    "rte": [
        ("{premise}\\n\\nDoes \\"{hypothesis}\\" follow?\\n\\n{options_}", "{answer}"),
        ("Read this. " "{premise} {hypothesis}\\n{options_}", "{answer}"),
    ],
    "arc": [("Question: {question}\\n{options_}\\nAnswer:", "{answer}")],
    "trivia": [("Q: {question}", "{answer}"), ("Ask something about {answer}", "{question}")],
    "news": [("{text}\\nWrite a title", "{title}")],
    "wic": [("{sentence1} {sentence2} {options_}", "{answer}")],
}
'''
SECOND = '''
import copy, dataclasses
from flan.v2 import other
PATTERNS = {"cb": [("{premise} {hypothesis}?\\n{options_}", "{answer}")]}
PATTERNS["alias"] = PATTERNS["cb"]
PATTERNS_NO_OPTIONS = copy.deepcopy(PATTERNS)
PATTERNS_NO_OPTIONS.update(other.PATTERNS)
@dataclasses.dataclass
class FewShotPattern:
    inputs: str
    targets: str
FEWSHOT_PATTERNS = {
    "cb": [
        FewShotPattern(
            inputs="{premise}\\n{hypothesis}\\n{options_}", targets="{answer}",
            inputs_prefix="Q: ", targets_prefix="A: ", x_y_delimiter="\\n",
        ),
        FewShotPattern(
            inputs="{premise} {options_}", targets="{answer}", final_suffix=" Now answer.",
            input_pattern="Do the last one.\\n{{inputs}}{final_suffix}",
        ),
        FewShotPattern(inputs="{" + open("/etc/passwd").read(), targets="{answer}"),
    ],
}
'''


def test_the_first_version_is_read_by_type(tmp_path: Path) -> None:
    path = tmp_path / "templates.py"
    path.write_text(FIRST)
    made = flan.read(path)
    assert made.by_type == {"QA": 2, "BC": 3}
    first = made.instructions[0]
    assert first.text == '{premise}\n\nDoes "{hypothesis}" follow?\n\nOPTIONS:\n{options}'
    assert (first.task, first.option_format, first.task_type) == ("rte", "dashes", TaskType.BC)
    assert made.instructions[1].text.startswith("Read this. {premise}")
    assert [(left.where.partition(", ")[2], "free text" in left.reason) for left in made.left] == [
        ("PATTERNS['trivia'], pattern 2", True), ("PATTERNS['news'], pattern 1", True),
    ]


def test_the_second_version_adds_aliases_and_few_shot_patterns(tmp_path: Path) -> None:
    path = tmp_path / "templates.py"
    path.write_text(SECOND)
    made = flan.read(path)
    texts = [i.text for i in made.instructions]
    assert [i.task for i in made.instructions] == ["cb", "alias", "cb", "cb"]
    assert texts[2] == "Q: {premise}\n{hypothesis}\nOPTIONS:\n{options}\nA:"
    assert texts[3] == "Do the last one.\n{premise} OPTIONS:\n{options}\n\n Now answer."
    assert made.instructions[0].task_type is TaskType.MC
    reasons = {left.where.partition(", ")[2]: left.reason for left in made.left}
    assert "made by code" in reasons["FEWSHOT_PATTERNS['cb'], pattern 3"]
    assert "made by code" in reasons["PATTERNS_NO_OPTIONS"]


def test_a_bad_pattern_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "templates.py"
    path.write_text(
        'PATTERNS = {"rte": [("{premise {", "{answer}"), 7, ("{} x", "{answer}"), ["{premise}?"], '
        '("{premise}!", "{answer}")], "cb": None}\n'
    )
    made = flan.read(path)
    assert [i.text for i in made.instructions] == ["{premise}?", "{premise}!"]
    assert len(made.left) == 4
    assert "braces do not match" in made.left[0].reason


@pytest.mark.parametrize(
    "text", ["PATTERNS = ", "x = 1", "", '{"a": 1}', "x = " + "+".join(["'a'"] * 9000)]
)
def test_another_file_is_refused_with_what_was_expected(text: str, tmp_path: Path) -> None:
    path = tmp_path / "templates.py"
    path.write_text(text)
    with pytest.raises(InputError, match=r"expected Flan's templates\.py"):
        flan.read(path)


def test_nothing_of_the_file_is_executed(tmp_path: Path) -> None:
    path = tmp_path / "templates.py"
    path.write_text(FIRST + f"\nopen({str(tmp_path / 'trace')!r}, 'w')\n")
    flan.read(path)
    assert not (tmp_path / "trace").exists()
