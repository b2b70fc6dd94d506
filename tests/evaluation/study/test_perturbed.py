"""Surface perturbations in a study: paired with the wordings as given, counted by hand."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from robustness.data.tasks import Task
from robustness.evaluation import study
from robustness.evaluation.study import perturbed, surfaces
from robustness.evaluation.study.perturbed import Forms
from robustness.evaluation.study.plan import Recipe
from robustness.evaluation.study.plots import plots
from robustness.evaluation.study.sheets import sheets
from robustness.paraphrasing import surface
from robustness.types import Example, Instruction, Prompt, TaskType
from tests.evaluation.study.conftest import Written

OPTIONS = ("yes", "no")


@pytest.fixture
def task() -> Task:
    examples = tuple(
        Example(task="t", fields={"text": f"input {n}"}, options=OPTIONS, answer=OPTIONS[n % 2])
        for n in range(8)
    )
    return Task(
        id="t", title="T", task_type=TaskType.BC, description="", fields=("text",),
        options=OPTIONS, source="written", trained=False, examples=examples,
    )


ASKED = [
    Instruction(text="Is it even? {text}", collection="c", task_type=TaskType.BC),
    Instruction(
        text="Decide whether {text} is even.\n{options}\nAnswer:", collection="c",
        task_type=TaskType.BC, option_format="dashes",
    ),
]


def rule(model: str, prompt: Prompt) -> str:
    """The first model is right unless the text shouts; the second is right only where it does."""
    n = int("".join(c for c in prompt.text if c.isdigit()) or 0)
    shouts = "EVEN" in prompt.text
    right = OPTIONS[n % 2]
    wrong = OPTIONS[1 - n % 2]
    if model == "m":
        return wrong if shouts else right
    # Half right as given, so that it is the worse one.
    return right if shouts or n < 4 else wrong


def evaluated(
    task: Task, folder: Path, names: list[str], asked: list[Instruction] = ASKED
) -> study.Outcome:
    planned = study.plan([task], asked, Recipe(posix=False))
    beside = study.surface_plan(planned, surface.chosen(names))
    return study.evaluate(
        Written(rule, ("m", "aligned")), planned, folder, perturbations=beside
    )


def test_each_rule_is_paired_with_the_wordings_that_it_changes(task: Task, tmp_path: Path) -> None:
    made = evaluated(task, tmp_path, ["casing", "no_marks"]).study
    rows = {(r.model, r.task, r.family, r.rule): r for r in made.surfaces}
    up = rows["m", "all", "casing", "upper_case"]
    assert (up.given, up.accuracy, up.degradation.value, up.changed) == (100, 0, 100, 100)
    assert (up.instructions, up.inputs, up.degradation.low) == (2, 8, 100)
    down = rows["m", "all", "casing", "lower_case"]
    assert (down.degradation.value, down.degradation.low, down.changed) == (0, 0, 0)
    # The family is the mean over its three rules.
    whole = rows["m", "all", "casing", ""]
    assert whole.degradation.value == pytest.approx(100 / 3)
    assert rows["m", "t", "casing", ""].degradation == whole.degradation
    other = rows["aligned", "all", "casing", "upper_case"]
    assert (other.given, other.accuracy, other.degradation.value) == (50, 100, -50)
    single = [r.rule for r in made.surfaces if r.family == "punctuation"]
    assert set(single) == {""}, "a family of one rule has no row of the rule beside"


def test_models_that_change_places_are_counted(task: Task, tmp_path: Path) -> None:
    made = evaluated(task, tmp_path, ["casing"]).study
    rows = {r.family: r for r in made.places}
    # Two wordings under three rules; only capitals turn the order round.
    assert rows["all"].cases == rows["casing"].cases == 6
    assert rows["casing"].changed.value == pytest.approx(100 * 2 / 6)
    assert (rows["all"].model, rows["all"].other) == ("aligned", "m")
    # The first is right on all inputs: no draw of them makes it the worse one.
    assert (rows["casing"].tied, rows["casing"].by_inputs) == (0.0, 0.0)


def test_the_variance_is_that_of_the_surface_where_capitals_decide(
    task: Task, tmp_path: Path
) -> None:
    made = evaluated(task, tmp_path, ["casing"]).study
    shares = {r.component: r for r in made.variances if r.model == "m"}
    assert len(shares) == 7 and shares["surface"].share.value == pytest.approx(100)
    assert (shares["surface"].inputs, shares["surface"].wordings) == (8, 2)
    assert shares["surface"].surfaces == 4
    assert sum(r.share.value for r in shares.values()) == pytest.approx(100)


def test_the_order_of_options_is_paired_by_input(task: Task, tmp_path: Path) -> None:
    def first_listed(model: str, prompt: Prompt) -> str:
        return min(prompt.options, key=prompt.text.find)

    planned = study.plan([task], ASKED, Recipe(posix=False))
    beside = study.surface_plan(planned, surface.chosen(["reversed_options"]))
    assert beside.calls(1) == 8, "one of the two lists its options"
    made = study.evaluate(Written(first_listed), planned, tmp_path, perturbations=beside).study
    row = next(r for r in made.surfaces if r.task == "all")
    assert (row.instructions, row.changed, row.given, row.accuracy) == (1, 100, 50, 50)


def test_results_are_written_and_nothing_is_asked_twice(task: Task, tmp_path: Path) -> None:
    first = evaluated(task, tmp_path, ["casing", "persona"])
    again = evaluated(task, tmp_path, ["casing", "persona"])
    assert (first.known, again.calls, again.known) == (0, 0, first.calls)
    with (tmp_path / "tables" / "perturbations.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(first.study.surfaces)
    assert {"family", "rule", "degradation", "degradation_low", "degradation_high"} <= set(lines[0])
    document = json.loads((tmp_path / "summary.json").read_text())
    assert len(document["variances"]) == len(first.study.variances) > 0
    assert document["places"][0]["changed"].keys() == {"value", "low", "high"}
    for name in ("variance.csv", "places.csv", "perturbations.md", "places.md"):
        assert (tmp_path / "tables" / name).stat().st_size, name
    assert "by-family" in [p.name for p in plots(first.study)]
    assert {"perturbations", "variance", "places"} <= {s.name for s in sheets(first.study)}
    assert "Surface perturbations" in (tmp_path / "report.html").read_text()


def test_a_rule_that_changes_nothing_is_listed(task: Task, tmp_path: Path) -> None:
    made = evaluated(task, tmp_path, ["letters_or_words", "casing"], ASKED[:1]).study
    assert [(r.what, r.name) for r in made.left if r.what == "perturbation"] == [
        ("perturbation", "letters_or_words")
    ]
    assert made.variances == (), "one wording has no variance"


def test_at_most_so_many_wordings_of_a_task_are_perturbed(task: Task) -> None:
    many = [
        Instruction(text=f"Form {n}: {{text}}?", collection="c", task_type=TaskType.BC)
        for n in range(20)
    ]
    planned = study.plan([task], many, Recipe(posix=False))
    beside = study.surface_plan(planned, surface.chosen(["persona"]))
    assert len(beside.variants) == perturbed.WORDINGS
    assert {v.of for v in beside.variants} <= {i.id for i in many}
    assert beside.variants[0].of == many[0].id and beside.variants[-1].of == many[-1].id


def test_chance_is_how_often_other_inputs_would_change_the_order() -> None:
    rng = np.random.default_rng(0)

    def forms(model: str, right: float) -> Forms:
        given = rng.random((1, 60)) < right
        return Forms(model=model, task="t", given=given, answers=given.astype(str), by_rule={})

    equal = surfaces._by_chance([(forms("a", 0.5), forms("b", 0.52))], 0)[0, 0]
    apart = surfaces._by_chance([(forms("a", 0.9), forms("b", 0.2))], 0)[0, 0]
    assert 0.05 < equal < 0.6 and apart == 0.0
