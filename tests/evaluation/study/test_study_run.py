from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from robustness.data.tasks import Task
from robustness.errors import CancelledError, EngineError, InputError
from robustness.evaluation import study
from robustness.evaluation.study.plan import Recipe
from robustness.evaluation.study.plots import plots
from robustness.evaluation.study.run import JOURNAL, Run
from robustness.stats import intervals
from robustness.storage import files
from robustness.types import Example, Instruction, Prompt, TaskType

INPUTS = ("one", "two", "three", "four")
GOLD = ("yes", "no", "yes", "no")
RIGHT = {
    # Right or wrong on the four inputs, by model.
    "First": {"m": "1111", "m+p": "1111"},
    "Second": {"m": "1101", "m+p": "1111"},
    "Third": {"m": "0010", "m+p": "1010"},
    "Fourth": {"m": "0000", "m+p": "1111"},
}


def rule(model: str, prompt: Prompt) -> str:
    name = prompt.text.split()[0]
    place = INPUTS.index(prompt.text.split()[-1])
    gold = GOLD[place]
    other = "no" if gold == "yes" else "yes"
    said = gold if RIGHT[name][model][place] == "1" else other
    return {"yes": "true", "no": "false"}[said] if name == "Fourth" else said


@pytest.fixture
def task() -> Task:
    examples = tuple(
        Example(task="t", fields={"text": text}, options=("yes", "no"), answer=gold)
        for text, gold in zip(INPUTS, GOLD, strict=True)
    )
    return Task(
        id="t", title="T", task_type=TaskType.BC, description="", fields=("text",),
        options=("yes", "no"), source="written", trained=False, examples=examples,
    )


@pytest.fixture
def asked() -> list[Instruction]:
    words = {"Fourth": {"yes": "true", "no": "false"}}
    return [
        Instruction(
            text=f"{name} is it so?\n{{text}}", collection=collection, task_type=TaskType.BC,
            observed=collection == "seen", label_words=words.get(name, {}),
        )
        for name, collection in (
            ("First", "seen"), ("Second", "seen"), ("Third", "new"), ("Fourth", "newer")
        )
    ]


@pytest.fixture
def outcome(
    task: Task, asked: list[Instruction], written: Callable[..., Any], tmp_path: Path
) -> study.Outcome:
    plan = study.plan([task], asked, Recipe())
    return study.evaluate(written(rule, ["m", "m+p"]), plan, tmp_path)


def test_accuracies_and_differences_are_those_counted_by_hand(outcome: study.Outcome) -> None:
    rows = {(r.model, r.text.split()[0]): r for r in outcome.study.instructions}
    assert [rows["m", n].accuracy.value for n in RIGHT] == [100, 75, 25, 0]
    wilson = intervals.wilson(3, 4)
    assert rows["m", "Second"].accuracy.low == pytest.approx(100 * wilson.low)
    # The observed instructions' mean is 87.5.
    degradation = rows["m", "Third"].degradation
    assert degradation is not None
    assert degradation.value == pytest.approx(62.5)
    fourth = rows["m+p", "Fourth"]
    assert fourth.difference is not None
    assert fourth.difference.value == pytest.approx(100.0)
    # Four changed for the better: 2 / 2^4, and Holm times four tests.
    assert fourth.p == pytest.approx(0.125)
    assert fourth.p_holm == pytest.approx(0.5)
    assert rows["m", "Fourth"].p is None


def test_sensitivity_is_that_counted_by_hand(outcome: study.Outcome) -> None:
    row = next(r for r in outcome.study.sets if r.model == "m" and r.set == "all")
    assert row.accuracy.value == pytest.approx(50.0)
    assert row.chance == 50.0
    assert (row.spread, row.worst, row.cvar10, row.worst_case) == (100.0, 0.0, 0.0, 0.0)
    assert row.std == pytest.approx(float(np.std([100, 75, 25, 0], ddof=1)))
    # Right ones an input: 2, 2, 2, 2 of four instructions; 2 of 6 pairs agree on each.
    assert row.consistency == pytest.approx(2 / 6)
    assert row.pss == pytest.approx(4 / 6)
    # Words: three instructions say yes/no, the fourth true/false, with one token and the end.
    # A word that an instruction does not prefer is at -3 instead of -1: |difference| / 2 = 1.
    # So POSIX is the share of ordered pairs that say different words: on every input two say the
    # same, the third the other one, and the fourth a word of its own.
    assert row.posix == pytest.approx(10 / 12)
    observed = next(r for r in outcome.study.sets if r.model == "m" and r.set == "observed")
    # First and Second differ on the third input only, where each pair moves by 2 / 2.
    assert observed.posix == pytest.approx(0.25)
    assert observed.worst_case == 75.0
    assert [r.set for r in outcome.study.sets if r.model == "m"] == [
        "all", "observed", "unobserved", "new", "newer"
    ]


def test_groups_have_the_shape_of_tables_three_and_four(outcome: study.Outcome) -> None:
    row = next(r for r in outcome.study.groups if r.model == "m")
    assert row.observed is not None and row.unobserved is not None and row.difference is not None
    assert (row.group, row.tasks) == ("BC", 1)
    assert (row.observed.value, row.unobserved.value) == pytest.approx((87.5, 12.5))
    assert row.difference.value == pytest.approx(-75.0)
    assert row.observed_std == pytest.approx(float(np.std([100, 75], ddof=1)))
    assert row.distance is not None and row.distance > 0
    gain = next(r for r in outcome.study.differences if r.set == "all")
    # 25 points on the third, 100 on the fourth, 25 on the second.
    assert gain.difference.value == pytest.approx((0 + 25 + 25 + 100) / 4)


def test_everything_is_written(outcome: study.Outcome) -> None:
    folder = Path(outcome.folder)
    assert all((folder / name).is_file() for name in outcome.files)
    records = pd.read_parquet(folder / "records.parquet")
    assert len(records) == outcome.calls == 2 * 4 * 4
    assert records.groupby("model")["correct"].mean().to_dict() == {"m": 0.5, "m+p": 0.875}
    summary = files.read_json(folder / "summary.json", schema=1)
    assert summary["models"] == ["m", "m+p"]
    assert summary["instructions"][0]["accuracy"]["value"] == 100.0
    table = (folder / "tables" / "instructions.md").read_text()
    start = "| First is it so? {text} | m | t | zero-shot | seen | yes | 4 | "
    assert f"{start}100.0 [51.0, 100.0]" in table


def test_an_interrupted_run_goes_on_and_asks_nothing_twice(
    task: Task, asked: list[Instruction], written: Callable[..., Any], tmp_path: Path
) -> None:
    plan = study.plan([task], asked, Recipe(shots=(1,)))
    first, second = written(rule, ["m", "m+p"]), written(rule, ["m", "m+p"])
    answers = iter([False, False, False, False, False, True])
    with pytest.raises(CancelledError, match="run the same command to resume"):
        study.evaluate(first, plan, tmp_path, should_stop=lambda: next(answers))
    assert 0 < len(first.asked) < plan.calls(2)
    # A line that was cut off is asked again.
    with (tmp_path / JOURNAL).open("a") as out:
        out.write('{"key": "x", "val')
    seen: list[tuple[str, int, int]] = []
    made = study.evaluate(
        second, plan, tmp_path, on_start=lambda *told: seen.append(told),
    )
    assert seen == [("m, m+p", len(first.asked), 64)]
    assert made.calls == len(second.asked)
    assert not set(first.asked) & set(second.asked)
    assert len(first.asked) + len(second.asked) == plan.calls(2) == 64
    assert Run(second, plan, tmp_path).known() == 64


def test_a_prompt_that_does_not_fit_costs_that_input_or_instruction_alone(
    task: Task, asked: list[Instruction], written: Callable[..., Any], tmp_path: Path
) -> None:
    bad = Instruction(text="Third is too long?\n{text}", collection="new", task_type=TaskType.BC)
    plan = study.plan([task], [*asked, bad], Recipe())
    made = study.evaluate(written(rule), plan, tmp_path / "a")
    assert len(made.study.instructions) == 4
    assert [(r.what, "4 of 4 inputs" in r.reason) for r in made.study.left] == [
        ("instruction", True)
    ]
    engine = written(lambda model, prompt: "yes")
    read = engine.read

    def refuse(model: str, prompts: list[Prompt]) -> Any:
        if any(p.text.startswith("First") and "three" in p.text for p in prompts):
            raise InputError("the prompt does not fit")
        return read(model, prompts)

    engine.read = refuse
    found = study.evaluate(engine, study.plan([task], asked, Recipe()), tmp_path / "b").study
    assert {r.inputs for r in found.instructions} == {3}
    assert found.left[0].name == "1 of 4 inputs of t, zero-shot"


def test_free_answers_are_read_and_the_unparsed_counted(
    task: Task, asked: list[Instruction], written: Callable[..., Any], tmp_path: Path
) -> None:
    plan = study.plan([task], asked[:2], Recipe(free=True))
    made = study.evaluate(written(rule), plan, tmp_path)
    row = made.study.instructions[0]
    # It writes yes to inputs with an e (one, three: right both times), otherwise 'maybe so'.
    assert row.free is not None
    assert (row.free.value, row.unparsed) == (50.0, 2)
    total = made.study.sets[0]
    assert (total.free, total.unparsed, total.generated) == (50.0, 4, 8)
    assert made.calls == 16
    assert "generated_answer" in pd.read_parquet(tmp_path / "records.parquet").columns


def test_an_engine_that_fails_is_not_taken_for_a_bad_instruction(
    task: Task, asked: list[Instruction], written: Callable[..., Any], tmp_path: Path
) -> None:
    engine = written(rule)

    def fail(model: str, prompts: list[Prompt]) -> Any:
        raise EngineError("away")

    engine.read = fail
    with pytest.raises(EngineError, match="away"):
        study.evaluate(engine, study.plan([task], asked, Recipe()), tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        study.evaluate(written(rule), study.plan([task], asked, Recipe()), tmp_path / "file")


def test_markup_in_texts_and_names_is_text_in_the_report(
    task: Task, asked: list[Instruction], written: Callable[..., Any], tmp_path: Path
) -> None:
    tag = '<img src="http://x/y.png">'
    asked = [
        replace(i, text=f"{i.text} {tag}", collection=i.collection + tag) for i in asked
    ]
    asked = [replace(i, text=i.text.replace(f"{{text}} {tag}", f"{tag} {{text}}")) for i in asked]
    engine = written(lambda _, prompt: rule("m", prompt), [f"m{tag}", f"m{tag}+p"])
    made = study.evaluate(engine, study.plan([task], asked, Recipe()), tmp_path)
    folder = Path(made.folder)
    pages = [folder / name for name in made.files if name.endswith((".md", ".html"))]
    assert {page.suffix for page in pages} == {".md", ".html"}
    for page in pages:
        assert "<img" not in page.read_text(encoding="utf-8")
    for plot in plots(made.study):
        assert "<img" not in plot.figure.to_json().replace("\\u003c", "<")
