import json
from pathlib import Path

import pytest

from robustness.data.importers import instructioneval
from robustness.errors import InputError
from robustness.types import TaskType

SHARED = '''
MARKS = ["\\n(" + chr(x) + ") " for x in range(ord("A"), ord("Z") + 1)]

class Templates:
    def __init__(self, style=1):
        self.set_style(style)

    def set_style(self, style):
        self.lead = ["OPTIONS:", "Choices:"][style]

    def framed(self, item, text):
        lines = self.lead
        for letter, option in zip(MARKS[: len(item["options"])], item["options"]):
            lines += letter + option
        input_text = "{}\\n{question}\\n{lines}".format(
            text, question=item["question"], lines=lines)
        labels = [chr(x) for x in range(ord("A"), ord("Z") + 1)][: len(item["options"])]
        answer = labels[item["options"].index(item["answer"])]
        return {"input_text": input_text, "output_text": answer, "label_space": labels}

    def definition(self, question, answer, options):
        listed = ""
        for i, option in enumerate(options):
            if i != len(options) - 1:
                listed += f"{option}, "
            else:
                listed += f"{option}"
        return "Name the kind: " + listed + ".", "Text: {}".format(question), answer, options

    def wrapper_1(self, definition, inputs, output):
        return "Definition: {D}\\nInput: {i}\\nOutput:".format(D=definition, i=inputs), output

    def wrapped(self, item, task, template):
        text, inputs, answer, labels = task(**item)
        input_text, output_text = template(text, inputs, answer)
        return {"input_text": input_text, "output_text": output_text, "label_space": labels}
'''
BASE = '''
import torch
from configs.processors.shared import Templates

class Preprocessor(Templates):
    def __init__(self, instruction, examples, input_dir=None):
        super().__init__()
        self.instr2preprocessor = {
            "NIV2/QA/1": self.niv2_1,
            "T0/QA/1": lambda item: self.framed(item, "Pick one."),
        }
        self.instr2preprocessor_fs = {"NIV2/QA/1": self.niv2_1}
        self.add_unobserved_instructions()

    def niv2_1(self, item):
        return self.wrapped(item, self.definition, self.wrapper_1)

    def default(self, item):
        return {
            "input_text": self.description + " " + item["question"] + self.example_output_prefix,
            "output_text": item["answer"], "label_space": item["options"],
        }
'''
TASK = '''
from configs.preprocessor import Preprocessor

class KindPreprocessor(Preprocessor):
    _TEXTS = ["Say the kind.", "Tell the kind, please."]

    def add_unobserved_instructions(self):
        self.instr2preprocessor["BBL/Default/1"] = self.default
        self.instr2preprocessor["BBL/Unobserved/1"] = self.unobserved1
        self.instr2preprocessor["BBL/Unobserved/2"] = self.unobserved2
        self.instr2preprocessor["Alpaca/Unobserved/1"] = lambda item: self.framed(
            item, self._TEXTS[1])
        self.instr2preprocessor["BBL/Unobserved/3"] = self.broken
        self.instr2preprocessor["BBL/Unobserved/4"] = self.endless
        self.instr2preprocessor["BBL/Unobserved/5"] = self.nowhere
        self.instr2preprocessor["BBL/Unobserved/6"] = self.swelling
        self.instr2preprocessor["BBL/Unobserved/7"] = self.failing

    def unobserved_template(self, item, template):
        context, claim = item["question"].split("\\nClaim:")
        return {"input_text": template.format(context=context, claim=claim),
                "output_text": item["answer"], "label_space": ["True", "False", "Neither"]}

    def unobserved1(self, item):
        input_template = "{context}\\nIs it true? " \\
                         "{claim}"
        return self.unobserved_template(item, input_template)

    def unobserved2(self, item):
        question, options = item["question"], item["options"]
        A, B = options
        text = f"Kind of {question}? {A} or {B}"
        return {"input_text": text, "output_text": A, "label_space": options}

    def broken(self, item):
        return self.unobserved_template(item, "{missing}")

    def swelling(self, item):
        text = "aaaaaaaaaa"
        for a in range(9):
            text = text.replace("a", text)
        return {"input_text": text, "label_space": []}

    def failing(self, item):
        first, second = 7
        return {}

    def endless(self, item):
        for a in range(90000):
            for b in range(90000):
                pass
'''


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    files = {
        "configs/processors/shared.py": SHARED, "configs/preprocessor.py": BASE,
        "configs/BBH/classification/kind.py": TASK,
        "dirs.json": json.dumps({"Kind": ["./data/kind", "./configs/BBH/classification/kind.py"]}),
        "instructions.json": json.dumps({"Kind": [
            "NIV2/QA/1", "T0/QA/1", "BBL/Default/1", "BBL/Unobserved/1", "BBL/Unobserved/2",
            "Alpaca/Unobserved/1", "BBL/Unobserved/3", "BBL/Unobserved/4", "BBL/Unobserved/5",
            "BBL/Unobserved/6", "BBL/Unobserved/7", "FLAN/QA/7",
        ]}),
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_the_four_ways_of_holding_templates_are_read(repository: Path) -> None:
    made = instructioneval.read(repository)
    texts = {i.source.split()[-1]: i for i in made.instructions}
    assert texts["NIV2/QA/1"].text == (
        "Definition: Name the kind: {options}.\nInput: Text: {question}\nOutput:"
    )
    assert texts["NIV2/QA/1"].option_format == "commas"
    assert texts["T0/QA/1"].text == "Pick one.\n{question}\nChoices:\n{options}"
    assert texts["T0/QA/1"].option_format == "letters_paren"
    assert texts["Alpaca/Unobserved/1"].text.startswith("Tell the kind, please.")
    assert texts["BBL/Unobserved/1"].text == "{context}\nIs it true? {claim}"
    assert set(texts["BBL/Unobserved/1"].label_words) == {"True", "False", "Neither"}
    assert texts["BBL/Unobserved/2"].text == "Kind of {question}? {options}"
    assert {i.task_type for i in made.instructions} == {TaskType.MC}
    assert {i.task for i in made.instructions} == {"kind"}
    assert [texts[k].observed for k in ("NIV2/QA/1", "BBL/Unobserved/1")] == [True, False]


def test_every_key_is_taken_or_left_with_its_reason(repository: Path) -> None:
    made = instructioneval.read(repository)
    assert made.entries == 12
    reasons = {left.where.rpartition(", ")[2]: left.reason for left in made.left}
    assert "no task.json of Kind" in reasons["BBL/Default/1"]
    assert "{missing}, which nothing fills" in reasons["BBL/Unobserved/3"]
    assert "too long" in reasons["BBL/Unobserved/4"]
    assert "not among the classes" in reasons["BBL/Unobserved/5"]
    assert "too long" in reasons["BBL/Unobserved/6"]
    assert "cannot be followed" in reasons["BBL/Unobserved/7"]
    assert "no class has it" in reasons["FLAN/QA/7"]


def test_the_benchmarks_own_wording_comes_from_its_task_file(repository: Path) -> None:
    (repository / "data/kind").mkdir(parents=True)
    document = {"description": "Tell kinds.", "example_output_prefix": "\nKind:"}
    (repository / "data/kind/task.json").write_text(json.dumps(document))
    texts = [i.text for i in instructioneval.read(repository).instructions]
    assert "Tell kinds. {question}\nKind:" in texts


def test_one_file_gives_its_own_keys_and_finds_its_bases(repository: Path) -> None:
    made = instructioneval.read(repository / "configs/BBH/classification/kind.py", TaskType.QA)
    assert {i.source.split()[-1] for i in made.instructions} == {
        "BBL/Unobserved/1", "BBL/Unobserved/2", "Alpaca/Unobserved/1", "NIV2/QA/1", "T0/QA/1",
    }
    assert {i.task_type for i in made.instructions} == {TaskType.QA}
    (repository / "instructions.json").unlink()
    alone = instructioneval.read(repository / "configs/BBH/classification/kind.py")
    assert len(alone.instructions) == 3


@pytest.mark.parametrize("missing", ["instructions.json", "dirs.json"])
def test_entries_of_bases_that_no_list_gives_to_a_dataset_are_said_to_be_left(
    repository: Path, missing: str
) -> None:
    assert not any("base classes" in left.reason for left in instructioneval.read(repository).left)
    (repository / missing).unlink()
    made = instructioneval.read(repository)
    assert not any(i.observed and i.source.endswith("/QA/1") for i in made.instructions)
    (said,) = (left for left in made.left if "base classes" in left.reason)
    assert said.where.endswith("kind.py, KindPreprocessor")
    assert said.reason.startswith("2 entries of its base classes")
    assert f"{missing} beside configs/ cannot be read" in said.reason


def test_a_file_that_is_not_python_costs_no_other(repository: Path) -> None:
    (repository / "configs/BBH/broken.py").write_text("class (")
    made = instructioneval.read(repository)
    assert len(made.instructions) == 5
    assert any("not Python" in left.reason for left in made.left)


def test_another_folder_is_refused_with_what_was_expected(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("class A:\n    pass\n")
    for path in (tmp_path, tmp_path / "x.py"):
        with pytest.raises(InputError, match="expected InstructionEval's folder"):
            instructioneval.read(path)
