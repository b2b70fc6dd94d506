"""The library's sentences in the page's second language."""

import ast
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from pydantic import ValidationError

from robustness import paths
from robustness.data import tasks
from robustness.errors import InputError, NotFoundError
from robustness.models import checkpoint
from robustness.storage import csv_lines, validation
from server.page import head, sentences
from server.page.asked import Written
from server.page.findings_views import PUBLISHED, own

ERRORS = {
    "InputError", "NotFoundError", "CorruptFileError", "MismatchError", "StorageError", "BusyError",
    "FaultyCell"
}
MET = (
    "robustness/wording.py", "robustness/evidence.py", "robustness/scoring/rows.py",
    "robustness/storage/tables.py", "robustness/storage/table_formats.py",
    "robustness/storage/csv_lines.py", "robustness/storage/limits.py",
    "robustness/data/user_instruction.py", "robustness/data/tasks/builtin.py",
    "robustness/prediction/comparison.py", "robustness/prediction/ladder.py",
    "robustness/prediction/measurement.py", "robustness/prediction/predictor.py",
    "robustness/prediction/degradation/user_inputs.py", "server/page/api.py",
    "robustness/models/checkpoint.py", "robustness/models/adapters.py",
    "robustness/models/placement.py", "robustness/models/peft_lora.py",
    "robustness/models/difference.py", "robustness/models/packaged.py",
    "robustness/storage/cells.py", "robustness/storage/files.py", "server/jobs.py",
    "server/job_states.py", "server/limits.py", "server/errors.py",
)
"""Modules whose errors a visitor of the page meets, among them why a model was not loaded."""
ELSEWHERE = (
    "{X} does not exist", "{X} has no rows", "{X}, row {X}: {X}", "{X}", "{X} {X}",
)
"""Errors of their files that only commands raise, and those that pass another on."""
DATA = {
    "MMLU", "BBL-QA", "BBL-BC", "BBL-MC", "QA", "MC", "BC", "Base", "XL", "XXL", "Winowhy",
    "Vitaminc_Fact_Verification", "Alpaca-7B", "Alpaca-13B", "T0++ 11B", "Flan-T5-3B",
    "Flan-T5-11B",
}


def template(node: ast.expr) -> str | None:
    """A message with {X} for what is filled in; None where it is made elsewhere."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(v.value) if isinstance(v, ast.Constant) else "{X}" for v in node.values
        )
    if isinstance(node, ast.BinOp):
        sides = [template(node.left), template(node.right)]
        return "".join("{X}" if side is None else side for side in sides)
    if isinstance(node, ast.IfExp):
        return template(node.orelse)
    return None


def messages() -> set[str]:
    found = set()
    for name in MET:
        for node in ast.walk(ast.parse((paths.ROOT / name).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ERRORS:
                made = template(node.args[0])
                cell = node.func.id == "FaultyCell" and made is not None
                found.add(f"the column {{X}} {made}" if cell else made)
    return {m for m in found if m is not None and m not in ELSEWHERE}


def key_of(text: str) -> str | None:
    key = sentences.key_of(text)
    return None if key == "said.place_line" else key  # the beginning of any sentence of a line


def test_every_error_that_a_visitor_can_meet_is_translated() -> None:
    found = messages()
    assert len(found) > 30
    without = {m for m in found if key_of(m.replace("{X}", "one, two")) is None}
    assert without == set()


def test_what_pydantic_says_of_the_page_s_requests_is_translated() -> None:
    faults = [
        {"max_tokens": 65}, {"max_tokens": 0}, {"max_tokens": None}, {"max_tokens": 1.5},
        {"max_tokens": "x"}, {"temperature": 3}, {"temperature": -1}, {"top_p": 0},
        {"temperature": "x"}, {"temperature": []}, {"seed": "1e3"}, {"options": "a"},
        {"options": ["a"] * 65}, {"options": [1]}, {"text": "x" * 20_001}, {"instruction": None},
        {"unknown": 1}, {"temperature": float("nan")}, {"temperature": float("inf")},
    ]
    whole = {"instruction": "Say it.", "task": "place"}
    for body in [*(whole | fault for fault in faults), {}]:
        with pytest.raises(ValidationError) as refused:
            Written.model_validate(body)
        told = validation.first_fault(refused.value)
        assert sentences.said(told, "de") != told, told


def test_what_is_filled_in_is_translated_where_it_is_the_library_s_own_sentence() -> None:
    told = sentences.said("the server cannot keep the upload (No space left on device); send it "
                          "again later", "de")
    assert "auf der Platte ist kein Platz mehr" in told
    with pytest.raises(InputError) as broken:
        list(csv_lines.csv_lines('instruction,task\n"A\nB" C,x\n', "kaputt.csv"))
    told = sentences.said(str(broken.value), "de")
    assert told.startswith("kaputt.csv, Zeile 2: Ein Anführungszeichen")
    assert "expected" not in told
    # What a visitor typed stays, even where it is called like a task.
    assert "'place'" in sentences.said("no task 'place'; there are food", "de")


def test_tasks_have_short_names() -> None:
    for task in tasks.builtin_names():
        assert sentences.said(task, "de") != task
        assert sentences.said(task, "en") == task


def shown() -> set[str]:
    """What *Findings* says apart from numbers."""
    found = set()
    for views in (PUBLISHED, own(paths.BACKBONE), own(paths.TUNED)):
        for view in views.values():
            made = view.table()
            found |= {view.title, view.lines, made.source, made.title, made.unit, made.interval}
            found |= {*made.footnotes, *(c.replace("_", " ") for c in made.columns)}
            found |= {text for row in made.rows for text in (row.name, row.group)}
            for name, measure in view.measures.items():
                found |= {name, measure.title}
    return found


def test_everything_that_findings_says_is_translated(backbone: Path) -> None:
    models = {text for text in shown() if text.startswith("steadfast-")}
    without = {text for text in shown() if sentences.key_of(text) is None}
    assert without <= DATA | models


def test_why_a_model_was_not_loaded_keeps_its_details_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as absent:
        checkpoint.load(tmp_path)
    said = sentences.said(str(absent.value), "de")
    assert said.startswith(f"Das Modell '{tmp_path}' gibt es nicht: weder ein Ordner")
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(InputError) as pickled:
        checkpoint.load(tmp_path)
    said = sentences.said(str(pickled.value), "de")
    assert said.startswith(f"Die Gewichte des Modells {tmp_path} liegen nur als Pickle-Datei vor")


def test_what_is_filled_in_is_kept_as_it_is() -> None:
    said = sentences.said("no task 'a {b}'; there are place, food", "de")
    assert said == "Die Aufgabe 'a {b}' gibt es nicht; es gibt place, food"
    assert sentences.said("no task 'a'; there are b", "en") == "no task 'a'; there are b"
    assert sentences.said("nothing like it", "de") == "nothing like it"


def test_the_scripts_translate_alike(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not installed")
    texts = [m.replace("{X}", "a (b) {c}") for m in sorted(messages())]
    words = "".join(
        f"const {name} = {json.dumps(head.words(name))};\n" for name in head.LANGUAGES
    )
    script = (head.STATIC / "words.js").read_text(encoding="utf-8")
    lines = [line for line in script.splitlines() if not line.startswith("import")]
    body = "\n".join(lines).replace("export ", "").replace("chosen = 'en'", "chosen = 'de'")
    program = tmp_path / "said.js"
    program.write_text(
        f"{words}{body}\ntable = de;\n"
        f"console.log(JSON.stringify({json.dumps(texts)}.map(said)));\n", encoding="utf-8",
    )
    told = subprocess.run([node, program], capture_output=True, text=True, check=True).stdout
    assert json.loads(told) == [sentences.said(text, "de") for text in texts]
