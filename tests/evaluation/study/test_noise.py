"""The noise floor of an evaluation: measured once, and beside every difference."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robustness.cli.render import evaluation as render
from robustness.data.tasks import Task
from robustness.errors import InputError
from robustness.evaluation import study
from robustness.evaluation.study.plan import Recipe
from robustness.evaluation.study.sheets import sheets
from robustness.paraphrasing import surface
from robustness.stats import noise
from robustness.types import Example, Instruction, Prompt, Reading, TaskType
from tests.evaluation.study.conftest import Written

OPTIONS = ("yes", "no")
N = 32


@pytest.fixture(scope="module")
def task() -> Task:
    examples = tuple(
        Example(task="t", fields={"text": f"input {n}"}, options=OPTIONS, answer=OPTIONS[n % 2])
        for n in range(N)
    )
    return Task(
        id="t", title="T", task_type=TaskType.BC, description="", fields=("text",),
        options=OPTIONS, source="written", trained=False, examples=examples,
    )


def wrong_on(share: int) -> str:
    return f"Wrong on every {share}th: {{text}}"


ASKED = [
    Instruction(
        text=wrong_on(share), collection="c", task_type=TaskType.BC, observed=share < 8
    )
    for share in (3, 5, 7, 8, 9)
]


def rule(model: str, prompt: Prompt) -> str:
    share, n = (int("".join(c for c in w if c.isdigit())) for w in prompt.text.split(": input"))
    wrong = n % share == (0 if model == "m" else 1)
    return OPTIONS[(n + wrong) % 2]


class Unsteady(Written):
    """Answers a prompt that stands alone otherwise than in a batch, on every fourth input."""

    def read(self, model: str, prompts: Sequence[Prompt]) -> list[Reading]:
        made = super().read(model, prompts)
        if len(prompts) > 1:
            return made
        number = int("".join(c for c in prompts[0].text.split("input")[1] if c.isdigit()))
        turned = made[0].option_logprobs[::-1] if number % 4 == 0 else made[0].option_logprobs
        return [replace(made[0], option_logprobs=turned)]


def evaluated(engine: Written, task: Task, folder: Path, again: int = 16) -> study.Outcome:
    planned = study.plan([task], ASKED, Recipe(posix=False, again=again))
    beside = study.surface_plan(planned, surface.chosen(["casing"]))
    return study.evaluate(engine, planned, folder, perturbations=beside)


@pytest.fixture(scope="module")
def steady(task: Task, tmp_path_factory: pytest.TempPathFactory) -> tuple[study.Outcome, Path]:
    """An evaluation of models that answer the same when they are asked again, and its folder."""
    folder = tmp_path_factory.mktemp("steady")
    return evaluated(Written(rule, ("m", "p")), task, folder), folder


def test_a_model_that_answers_the_same_again_has_the_floor_of_sampling_alone(steady) -> None:
    made = steady[0].study
    rows = {(r.model, r.of): r for r in made.noise if r.task == "t"}
    assert set(rows) == {("m", "degradation"), ("p", "degradation"), ("p", "difference")}
    row = rows["m", "degradation"]
    assert (row.asked_again, row.changed_alone, row.changed_reordered) == (16, 0, 0)
    assert row.repeatability == 0.0 and row.value == row.sampling > 0.0
    correct = np.array([[n % s != 0 for n in range(N)] for s in (3, 5, 7)])
    assert row.value == noise.floor([noise.from_others(correct)], changed=0.0, seed=0).value


def test_answers_that_change_when_asked_alone_raise_the_floor(
    steady, task: Task, tmp_path: Path
) -> None:
    moved = evaluated(Unsteady(rule, ("m", "p")), task, tmp_path).study
    before, after = (
        next(r for r in s.noise if r.of == "degradation") for s in (steady[0].study, moved)
    )
    assert after.changed_alone and not after.changed_reordered
    assert after.repeatability == pytest.approx(
        100 * noise.repeatability(after.changed_alone / 16, N)
    )
    assert after.sampling == before.sampling and after.value > before.value


def test_another_number_type_or_engine_enters_the_floor(task: Task, tmp_path: Path) -> None:
    def other(model: str, prompt: Prompt) -> str:
        said = rule(model, prompt)
        turned = prompt.text.endswith("input 5")
        return OPTIONS[1 - OPTIONS.index(said)] if turned else said

    planned = study.plan([task], ASKED, Recipe(posix=False))
    study.evaluate(Written(other, ("m", "p")), planned, tmp_path / "a")
    made = study.evaluate(
        Written(rule, ("m", "p")), planned, tmp_path / "b", same_as=tmp_path / "a"
    ).study
    row = next(r for r in made.noise if (r.model, r.of) == ("m", "degradation"))
    assert (row.asked_again, row.compared, row.changed_elsewhere) == (0, 5 * N, 5)
    assert row.repeatability == pytest.approx(100 * noise.repeatability(1 / N, N))
    cell = next(s for s in sheets(made) if s.name == "noise").rows[0][-1]
    assert cell == f"5 of {5 * N}"
    with pytest.raises(InputError, match="does not exist; name the folder"):
        study.evaluate(Written(rule), planned, tmp_path / "c", same_as=tmp_path / "none")
    alone = study.plan([task], ASKED[:1], Recipe(posix=False, limit=1))
    moved = [replace(e, fields={"text": "input 99"}, id="") for e in task.examples[:1]]
    apart = study.plan(
        [replace(task, examples=tuple(moved))], ASKED[:1], Recipe(posix=False)
    )
    study.evaluate(Written(rule), apart, tmp_path / "d")
    with pytest.raises(InputError, match="no answer of these models to the same"):
        study.evaluate(Written(rule), alone, tmp_path / "e", same_as=tmp_path / "d")


def test_every_difference_has_its_floor_and_what_is_below_is_called_that(steady) -> None:
    found, folder = steady[0].study, steady[1]
    assert all(r.noise_floor is not None for r in found.instructions if r.degradation)
    assert all(r.difference_noise_floor is not None for r in found.instructions if r.difference)
    assert all(r.noise_floor is not None for r in (*found.differences, *found.surfaces))
    assert all(r.noise_floor is not None for r in found.groups if r.difference)
    # Casing changes no answer of this model: the noise floor is that of one answer in 32.
    assert {r.degradation.value for r in found.surfaces} == {0.0}
    assert [r.noise_floor for r in found.surfaces] == pytest.approx(
        [196 / 32] * len(found.surfaces), rel=1e-3
    )
    tables = {s.name: s for s in sheets(found)}
    for name in ("differences", "instructions", "table4", "perturbations"):
        assert "noise floor" in tables[name].columns, name
    row = next(r for r in found.differences if r.set == "all")
    assert row.noise_floor is not None
    below = abs(row.difference.value) < row.noise_floor
    cell = next(r for r in tables["differences"].rows if r[3] == "all")[-1]
    assert cell == f"\u00b1{row.noise_floor:.1f}" + (", below" if below else "")
    with (folder / "tables" / "noise.csv").open() as file:
        assert len(list(csv.DictReader(file))) == len(found.noise)
    assert "Noise floor" in (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("difference", "said"),
    [(-1.9, ", below the noise floor of ±2.0 points"), (2.1, ", noise floor ±2.0 points")],
)
def test_the_command_says_which_differences_are_below(difference: float, said: str) -> None:
    assert render._floor(difference, 2.0) == said


def test_nothing_is_asked_again_twice_and_only_where_it_is_wanted(
    task: Task, tmp_path: Path
) -> None:
    first, second, none = (Written(rule, ("m", "p")) for _ in range(3))
    made = evaluated(first, task, tmp_path / "a")
    again = evaluated(second, task, tmp_path / "a")
    assert len(first.asked) == made.calls + 2 * 2 * 16 and second.asked == []
    assert again.study.noise == made.study.noise
    without = evaluated(none, task, tmp_path / "b", again=0)
    assert len(none.asked) == without.calls
    assert {r.repeatability for r in without.study.noise} == {None}
