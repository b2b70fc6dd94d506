"""`backbone/study.py`: a card's figures as tables with intervals, from made-up figures."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from scipy import stats

from robustness.data import instructions
from robustness.errors import CorruptFileError, InputError, NotFoundError
from robustness.training.backbone import study
from robustness.training.backbone.card import Gain, TaskAccuracy
from robustness.training.backbone.study import Study


def cell(
    task: str, task_type: str, collection: str, accuracy: float, std: float | None
) -> TaskAccuracy:
    return TaskAccuracy(
        task=task, task_type=task_type, collection=collection, instructions=4, inputs=8,
        accuracy=accuracy, low=accuracy - 3, high=accuracy + 2, std=std, worst=12.5, chance=25.0,
    )


SETS = (
    instructions.OBSERVED, instructions.UNOBSERVED_DEVELOPMENT, instructions.UNOBSERVED_TEST,
)
MADE = Study(
    model="m",
    cells=tuple(
        cell(task, kind, collection, accuracy, 4.0)
        for task, kind, first in (("place", "QA", 80.0), ("object", "QA", 60.0))
        for collection, accuracy in zip(SETS, (first, first - 5, first - 10), strict=True)
    ),
    gains=(
        Gain(model="m+p", collection=SETS[0], task_type="all", tasks=2, value=1.0, low=-1, high=2),
        Gain(model="m+p", collection=SETS[2], task_type="all", tasks=2, value=3.0, low=1, high=4),
    ),
    sets={},
)


def test_a_type_is_the_mean_of_its_tasks_and_loses_observed_minus_unobserved_test() -> None:
    qa, whole = study.types(MADE).rows
    assert (qa.name, qa.group, whole.group) == ("m", "QA", "all 2 tasks")
    assert qa.figures["observed"].value == 70.0
    assert qa.figures["unobserved_test"].value == 60.0
    assert qa.figures["observed_std"].value == 4.0
    assert qa.figures["degradation"].value == pytest.approx(10.0)
    assert qa.figures["without_artefacts"] == qa.figures["degradation"]


def test_the_interval_of_one_task_is_welchs() -> None:
    found = study.tasks(MADE).rows[0].figures["degradation"]
    # Equal sizes and deviations: Welch's is Student's with 2 (n - 1) degrees of freedom.
    half = stats.t.ppf(0.975, 6) * (2 * 4.0**2 / 4) ** 0.5
    assert found.low == pytest.approx(10.0 - half)
    assert found.high == pytest.approx(10.0 + half)


def test_an_accuracy_stays_between_0_and_100() -> None:
    cells = [replace(c, accuracy=99.0) for c in MADE.cells]
    figure = study.types(replace(MADE, cells=tuple(cells))).rows[0].figures["observed"]
    assert figure.high == 100.0


def test_without_a_deviation_there_is_no_interval() -> None:
    cells = [replace(c, std=None) for c in MADE.cells]
    row = study.types(replace(MADE, cells=tuple(cells))).rows[0]
    assert row.figures["degradation"].low is None
    assert "observed_std" not in row.figures


def test_tasks_with_a_label_conflict_are_left_out_without_artefacts(monkeypatch) -> None:
    monkeypatch.setattr(study, "conflicting", lambda names: ["place"])
    made = study.tasks(MADE)
    assert "without_artefacts" not in made.rows[0].figures
    assert "without_artefacts" in made.rows[1].figures
    assert "without place" in made.footnotes[1]
    assert "place: an unobserved-test instruction" in study.gains(MADE).footnotes[1]


def test_a_conflicting_instruction_makes_its_task_an_artefact(monkeypatch) -> None:
    wrong = instructions.Instruction(
        text="Answer True, False or Neither.", collection="x", task_type="QA", task="place"
    )
    monkeypatch.setattr(instructions, "builtin", lambda name: [wrong])
    assert study.conflicting({"place", "object"}) == ["place"]


def test_an_older_card_is_said_to_be_older() -> None:
    made = study.types(replace(MADE, sets={instructions.OBSERVED: "0"}))
    assert "older than observed" in made.footnotes[1]


def test_gains_come_by_set() -> None:
    row = study.gains(MADE).rows[0]
    assert {c: f.value for c, f in row.figures.items()} == {
        "observed": 1.0, "unobserved_test": 3.0
    }
    with pytest.raises(NotFoundError, match="nothing was aligned"):
        study.gains(replace(MADE, gains=()))


def test_the_shipped_card_is_read_and_gives_every_table(backbone: Path) -> None:
    made = study.read_study(backbone)
    card = json.loads((backbone / "card.json").read_text(encoding="utf-8"))
    first = card["cells"][0]
    row = next(r for r in study.table("tasks", made).rows if r.name == first["task"])
    assert row.figures["observed"].value == first["accuracy"]
    for name in study.NAMES:
        assert study.table(name, made).rows
    with pytest.raises(NotFoundError, match="types, tasks, gains"):
        study.table("other", made)


def test_no_card_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="backbone card --model"):
        study.read_study(tmp_path)


def test_a_damaged_card_is_refused(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text('{"schema": 3, "cells": [{"task": 1}]}', encoding="utf-8")
    with pytest.raises(CorruptFileError, match="is not a card"):
        study.read_study(tmp_path)


def test_a_card_without_whole_tasks_has_no_types() -> None:
    with pytest.raises(InputError, match="no task with all sets"):
        study.types(replace(MADE, cells=MADE.cells[:1]))
