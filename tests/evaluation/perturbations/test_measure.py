"""On the embedded backbone, with few inputs."""

import json
from pathlib import Path

import pytest

from robustness import cli
from robustness.errors import InputError
from robustness.evaluation import perturbations
from robustness.evaluation.perturbations import Kind, Probes
from robustness.models.transformers_engine import TransformersEngine
from robustness.workbench import Workbench

TEXT = "Who gave it to {name}? {story}"
LIMIT = 48


@pytest.fixture(scope="module")
def embedded(backbone: Path) -> Workbench:
    return Workbench(TransformersEngine(backbone, device="cpu"))


@pytest.fixture(scope="module")
def made(embedded: Workbench) -> Probes:
    return perturbations.probe(embedded, TEXT, task="giver", limit=LIMIT)


@pytest.mark.slow
def test_every_alteration_is_measured_on_the_same_inputs(made: Probes) -> None:
    assert [row.kind for row in made.rows] == list(Kind)
    assert made.absent == {}
    assert made.n == LIMIT
    assert made.random_guess == pytest.approx(25.0)
    for row in made.rows:
        assert row.accuracy_low <= row.accuracy <= row.accuracy_high
        assert row.low <= row.degradation <= row.high
        assert row.degradation == pytest.approx(made.rows[0].accuracy - row.accuracy)


def test_a_backbone_that_knows_the_task_needs_its_instruction(made: Probes) -> None:
    by_kind = {row.kind: row for row in made.rows}
    assert by_kind[Kind.GIVEN].accuracy > 75.0
    assert by_kind[Kind.CLOSEST].accuracy > 75.0
    assert by_kind[Kind.INCORRECT].low > 0.0
    assert by_kind[Kind.NONSENSICAL].low > 0.0
    assert made.reliance.over_simplified.low > 0.0


def test_reliance_is_the_given_accuracy_minus_the_others(made: Probes) -> None:
    by_kind = {row.kind: row for row in made.rows}
    own, reliance = by_kind[Kind.GIVEN], made.reliance
    assert reliance.over_simplified.value == pytest.approx(
        own.accuracy - by_kind[Kind.SIMPLIFIED].accuracy
    )
    assert reliance.over_negated.value == pytest.approx(
        own.accuracy - by_kind[Kind.NEGATED].accuracy
    )
    guess = reliance.over_random_guess
    assert guess.value == pytest.approx(own.accuracy - made.random_guess)
    assert guess.low == pytest.approx(own.accuracy_low - made.random_guess)


@pytest.mark.slow
def test_equal_seeds_give_equal_probes(embedded: Workbench, made: Probes) -> None:
    assert perturbations.probe(embedded, TEXT, task="giver", limit=LIMIT) == made


def test_an_observed_instruction_is_not_its_own_nearest(embedded: Workbench) -> None:
    observed = next(i for i in embedded.index().instructions.values() if i.task == "giver")
    suite = perturbations.probe(embedded, observed.text, task="giver", limit=2)
    by_kind = {row.kind: row for row in suite.rows}
    assert by_kind[Kind.GIVEN].instruction_id == observed.id
    assert by_kind[Kind.CLOSEST].text != observed.text


def test_a_model_without_an_index_has_no_closest(
    tiny_engine: TransformersEngine, tmp_path: Path
) -> None:
    suite = perturbations.probe(
        Workbench(tiny_engine, indexes=tmp_path), TEXT, task="giver", limit=2
    )
    assert set(suite.absent) == {Kind.CLOSEST}


def test_a_strange_placeholder_and_an_empty_text_are_refused(embedded: Workbench) -> None:
    with pytest.raises(InputError, match=r"\{nothing\}"):
        perturbations.probe(embedded, "Read {nothing}", task="giver", limit=2)
    with pytest.raises(InputError, match="empty"):
        perturbations.probe(embedded, " ", task="giver", limit=2)


def test_the_command_prints_one_json_document_or_text(
    backbone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["alterations", TEXT, "--task", "giver", "--limit", "2", "--model", str(backbone)]
    with pytest.raises(SystemExit) as ended:
        cli.main([*command, "--json"])
    assert not ended.value.code
    document = json.loads(capsys.readouterr().out)
    assert {"random_guess", "reliance", "rows", "absent", "n", "task"} <= set(document)
    assert [row["kind"] for row in document["rows"]] == [str(kind) for kind in Kind]
    with pytest.raises(SystemExit):
        cli.main(command)
    shown = capsys.readouterr().out
    assert "Instruction reliance" in shown
    assert "delusive examples" in shown


def test_a_task_whose_inputs_no_observed_instruction_fits_lacks_the_closest_alone(
    backbone: Path, tmp_path: Path
) -> None:
    table = tmp_path / "puzzles.csv"
    table.write_text("riddle,answer\nIt rings.,bell\nIt burns.,fire\nIt chimes.,bell\n")
    bench = Workbench(TransformersEngine(backbone, device="cpu"), task_files=True)
    with pytest.raises(InputError, match="fits inputs with the fields riddle"):
        bench.predict("What is it? {riddle}", task=str(table))
    found = perturbations.probe(bench, "What is it? {riddle}", task=str(table), limit=2)
    assert Kind.CLOSEST in found.absent
    assert Kind.NEGATED in {row.kind for row in found.rows}
