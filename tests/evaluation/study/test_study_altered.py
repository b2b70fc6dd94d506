"""Perturbations in a study do not change the results of the other instructions."""

from dataclasses import replace
from pathlib import Path

import pytest

from robustness.data import instructions
from robustness.data.tasks import Task
from robustness.evaluation import perturbations, study
from robustness.evaluation.study.plan import Recipe
from robustness.evaluation.study.plots import plots
from robustness.evaluation.study.sheets import sheets
from tests.evaluation.study.conftest import Written


@pytest.fixture
def planned(topics: Task) -> study.Plan:
    known = instructions.builtin(instructions.OBSERVED)
    new = instructions.builtin(instructions.UNOBSERVED_DEVELOPMENT)
    pool = [i for i in (*known, *new) if i.task == "scene_topic"]
    return study.plan([topics], pool, Recipe(limit=4, posix=False))


def test_kinds_are_collections_of_their_own(topics: Task) -> None:
    known = instructions.builtin(instructions.OBSERVED)
    made = perturbations.of_tasks([topics], known, seed=0, count=2)
    kinds = {i.collection for i in made}
    assert kinds == {
        "incorrect", "negated", "task designer", "nonsensical", "simplified", "empty"
    }
    assert {i.task for i in made} == {"scene_topic"} and not any(i.observed for i in made)
    assert sum(i.collection == "negated" for i in made) == 2
    assert made == perturbations.of_tasks([topics], known, seed=0, count=2)


def test_they_are_read_besides_and_change_nothing_else(
    planned: study.Plan, topics: Task, tmp_path: Path
) -> None:
    engine = Written(lambda model, prompt: prompt.options[len(prompt.text) % 2])
    known = [i for p in planned.parts for i in p.instructions]
    made = perturbations.of_tasks([p.task for p in planned.parts], known, seed=0)
    beside = study.plan([topics], made, planned.recipe)
    plain = study.evaluate(engine, planned, tmp_path / "plain").study
    both = study.evaluate(engine, planned, tmp_path / "both", altered=beside).study
    assert plain.alterations == () and both.groups == plain.groups and both.sets == plain.sets
    rows = {r.kind: r for r in both.alterations}
    assert list(rows)[:3] == ["observed", "unobserved", "closest"]
    assert {"negated", "nonsensical", "empty"} <= set(rows)
    group = both.groups[0]
    assert group.observed is not None and group.unobserved is not None
    assert rows["observed"].accuracy.value == pytest.approx(group.observed.value)
    assert rows["unobserved"].accuracy.value == pytest.approx(group.unobserved.value)
    # The nearest observed instruction of each unobserved one, by the written representations.
    by_id = {r.instruction_id: r.accuracy.value for r in both.instructions}
    assert rows["closest"].instructions == sum(not r.observed for r in both.instructions)
    assert min(by_id.values()) <= rows["closest"].accuracy.value <= max(by_id.values())
    assert rows["empty"].guess == pytest.approx(100 / 5)
    assert "by-alteration" in [p.name for p in plots(both)]
    assert "by-alteration" not in [p.name for p in plots(plain)]
    sheet = next(s for s in sheets(both) if s.name == "alterations")
    assert len(sheet.rows) == len(both.alterations)


def test_nothing_is_asked_twice(planned: study.Plan, topics: Task, tmp_path: Path) -> None:
    engine = Written(lambda model, prompt: prompt.options[0])
    known = [i for p in planned.parts for i in p.instructions]
    beside = study.plan(
        [topics], perturbations.of_tasks([topics], known, seed=0),
        replace(planned.recipe, posix=False),
    )
    first = study.evaluate(engine, planned, tmp_path, altered=beside)
    again = study.evaluate(engine, planned, tmp_path, altered=beside)
    assert first.known == 0 and first.calls == planned.calls(1) + beside.calls(1)
    assert again.calls == 0 and again.known == first.calls
