import json
from pathlib import Path

import pandas as pd
import pytest

from robustness.data.importers import sources
from robustness.data.tasks import base, named, table
from robustness.errors import InputError, NotFoundError
from robustness.evaluation import study
from robustness.models.transformers_engine import TransformersEngine
from robustness.types import TaskType


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mood.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_further_columns_are_fields(tmp_path: Path) -> None:
    path = written(tmp_path, (
        'input,options,answer,Speaker name\n"She smiles, and waves.",glad|sad,glad,Zoë\n'
        "He frowns.,glad|sad,sad,Ben\nIt sits.,glad | sad,,\n"
    ))
    task = table.read_labelled_table(path)
    assert (task.id, task.task_type, task.options) == ("mood", TaskType.BC, ("glad", "sad"))
    assert task.fields == ("input", "speaker_name")
    assert task.examples[0].fields == {"input": "She smiles, and waves.", "speaker_name": "Zoë"}
    assert [e.answer for e in task.examples] == ["glad", "sad", None]
    base.write_task(tmp_path / "mood.json", task)
    assert base.read_task(tmp_path / "mood.json") == task


def test_columns_with_digits_are_fields_of_their_names(
    tmp_path: Path, tiny_engine: TransformersEngine
) -> None:
    rows = "".join(f"He has {n}.,She has {n}.,{'same' if n % 2 else 'other'}\n" for n in range(8))
    path = written(tmp_path, f"sentence1,Sentence-2,answer\n{rows}")
    assert table.read_labelled_table(path).fields == ("sentence1", "sentence_2")
    own = tmp_path / "own.csv"
    own.write_text(
        "instruction,task,options,label_words\n"
        '"{sentence1}\n{sentence_2}\nyes or no, is it so?",mood,same|other,same=yes|other=no\n'
        "Do both say the same?,mood,same|other,\n", encoding="utf-8",
    )
    receipt = sources.take("csv", own, tmp_path / "own.jsonl")
    assert (receipt.taken, receipt.changes) == (2, ())
    recipe = study.Recipe(shots=(1,))
    plan = study.plan_of([str(path)], [str(tmp_path / "own.jsonl")], recipe=recipe)
    assert plan.left == ()
    (part, _) = plan.parts
    asked = next(part.prompts(part.instructions[0]))
    assert asked.text.startswith("He has") and "\nShe has" in asked.text
    assert asked.options[:2] in {("yes", "no"), ("no", "yes")}
    made = study.evaluate(tiny_engine, plan, tmp_path / "run")
    assert made.calls == 2 * 2 * len(part.examples)


def test_options_tell_the_type_and_a_column_the_split(tmp_path: Path) -> None:
    path = written(tmp_path, "text;options;answer;split\na;x|y|z;x;dev\nb;x|y|z;y;test\n")
    assert [e.split for e in table.read_labelled_table(path).examples] == ["dev", "test"]
    assert table.read_labelled_table(path).task_type is TaskType.MC
    assert table.read_labelled_table(path, TaskType.QA).task_type is TaskType.QA
    path = written(tmp_path, "input,options,answer\na,x|y,x\nb,u|v,v\n")
    task = table.read_labelled_table(path)
    assert (task.task_type, task.options) == (TaskType.QA, ())


def test_without_options_the_answers_are_the_options(tmp_path: Path) -> None:
    path = written(tmp_path, "input,answer\na,yes\nb,no\nc,yes\n")
    assert table.read_labelled_table(path).options == ("yes", "no")


def test_classes_by_number_are_read_by_the_names_that_are_given(tmp_path: Path) -> None:
    path = written(tmp_path, "input,options,answer\na,bad|good,0\nb,bad|good,1\nc,bad|good,\n")
    task = table.read_labelled_table(path)
    assert [e.answer for e in task.examples] == ["bad", "good", None]
    assert "places in the options" in task.omissions[0].reason
    path = written(tmp_path, "input,options,answer\na,0|1,0\nb,0|1,1\n")
    assert [e.answer for e in table.read_labelled_table(path).examples] == ["0", "1"]
    path = written(tmp_path, "input,options,answer\na,bad|good,1\nb,bad|good,2\n")
    with pytest.raises(InputError, match="answer '1' is not among"):
        table.read_labelled_table(path)


ROWS = [
    {"input": 0, "options": ["odd", "even"], "answer": "even"},
    {"input": 7, "options": ["odd", "even"], "answer": "odd"},
    {"input": 8, "options": ["odd", "even"], "answer": None},
]


@pytest.mark.parametrize("suffix", ["json", "jsonl", "parquet", "tsv"])
def test_tables_of_every_format_are_tasks(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"parity.{suffix}"
    lines = [json.dumps(row) for row in ROWS]
    if suffix == "parquet":
        pd.DataFrame(ROWS).to_parquet(path)
    elif suffix == "tsv":
        cells = [f"{r['input']}\todd|even\t{r['answer'] or ''}" for r in ROWS]
        path.write_text("\n".join(["Input\tOptions\tAnswer", *cells]))
    else:
        path.write_text("\n".join(lines) if suffix == "jsonl" else f"[{','.join(lines)}]")
    task = named.find(str(path))
    assert (task.id, task.options) == ("parity", ("odd", "even"))
    assert [(e.fields["input"], e.answer) for e in task.examples] == [
        ("0", "even"), ("7", "odd"), ("8", None),
    ]


def test_numbers_and_truth_values_of_parquet_mean_what_they_say(tmp_path: Path) -> None:
    path = tmp_path / "typed.parquet"
    pd.DataFrame({"text": ["a", "b", "c"], "answer": [1.0, None, 0.0]}).to_parquet(path)
    assert [e.answer for e in named.find(str(path)).examples] == ["1", None, "0"]
    pd.DataFrame({"text": ["a", "b"], "answer": [True, False]}).to_parquet(path)
    assert named.find(str(path)).options == ("true", "false")


def test_an_object_as_input_gives_fields(tmp_path: Path) -> None:
    path = tmp_path / "people.jsonl"
    rows = [
        {"input": {"story": f"Ann sat {n}.", "Name": "Ann"}, "answer": n % 2 == 0} for n in range(4)
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    task = named.find(str(path))
    assert task.fields == ("story", "name")
    assert task.examples[1].answer == "false"
    path.write_text(json.dumps(rows[0]) + '\n{"input": {"story": "x"}, "answer": "a"}')
    with pytest.raises(InputError, match="row 2: no field 'Name'"):
        named.find(str(path))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("input,options\na,x|y\n", "has the columns input, options; expected a CSV with"),
        ("", r"has the columns \(none\)"),
        ("input,options,answer\n", "no rows"),
        ("input,options,answer\na,x|y,z\n", r"line 2: answer 'z' is not among \['x', 'y'\]"),
        ("input,options,answer\na,x,x\n", "line 2: options"),
        ("input,options,answer\na,x|y,x\nb,c,x|y,x\n", "line 3: 4 cells, the header has 3"),
        ("input,options,answer,split\na,x|y,x,tset\n", "split 'tset'"),
        ("input,Input,answer\na,b,x\n", "a column twice"),
    ],
)
def test_a_malformed_table_is_refused_with_its_line(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        table.read_labelled_table(written(tmp_path, text))


def test_a_missing_table_says_what_it_should_hold(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="expected a CSV with the columns"):
        table.read_labelled_table(tmp_path / "nowhere.csv")
