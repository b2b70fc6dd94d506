import json
from pathlib import Path

import numpy as np
import pytest

from robustness import cli, measured
from robustness.errors import InputError, NotFoundError

ASKS = ("Is it good", "Does the critic like it", "Judge the film", "Rate this review",
        "What is the verdict", "Name the sentiment", "Tell me the tone", "Decide how it sounds")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A final colon costs model `a` 30 points; one row is broken."""
    rng = np.random.default_rng(0)
    lines = ["instruction,task,model,accuracy"]
    for ask in ASKS:
        for end in ("?", ".", ":"):
            value = 80 - 30 * (end == ":") + rng.normal(0, 1)
            lines.append(f"{ask}{end},films,a,{value:.2f}")
            lines.append(f"{ask}{end},films,b,50")
    lines.append("Is it bad?,films,a,much")
    path = tmp_path / "measured.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_learned_cue_is_a_predicted_loss_with_an_interval(table: Path) -> None:
    known = measured.read(table)
    colon = known.predict("Would you recommend it:", task="films", model="a")
    point = known.predict("Would you recommend it.", task="films", model="a")
    assert colon.degradation > point.degradation + 15
    assert colon.low < colon.degradation < colon.high
    assert colon.nearest[0].accuracy is not None
    assert "24 measured instructions" in colon.basis


def test_a_bad_row_is_named_and_costs_no_other(table: Path) -> None:
    known = measured.read(table)
    assert known.errors == {48: "the accuracy 'much' is no number from 0 to 100"}
    assert known.tables["films"].shape == (24, 2)


def test_an_instruction_of_the_table_is_measured(table: Path) -> None:
    made = measured.read(table).predict("Is it good:", task="films", model="a")
    assert made.tier == "measured"
    assert made.degradation == pytest.approx(20, abs=3)


def test_shares_become_points(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("instruction,task,model,accuracy\nGood?,t,a,0.5\nBad?,t,a,1\n")
    assert measured.read(path).tables["t"]["a"].tolist() == [100.0, 50.0]


def test_what_is_missing_or_unclear_is_said(table: Path, tmp_path: Path) -> None:
    known = measured.read(table)
    with pytest.raises(InputError, match="several models, name one: a, b"):
        known.predict("Fine?", task="films")
    with pytest.raises(NotFoundError, match="no task 'songs'; it has films"):
        known.predict("Fine?", task="songs", model="a")
    path = tmp_path / "m.csv"
    path.write_text("instruction,task,accuracy\nGood?,t,1\n")
    with pytest.raises(InputError, match=r"no column 'model'; found: instruction, task, accuracy"):
        measured.read(path)


def test_the_command_line_predicts_from_a_table(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["predict", "Would you recommend it:", "--measurements", str(table), "--of", "a"]
    with pytest.raises(SystemExit) as done:
        cli.main([*asked, "--task", "films", "--json"])
    assert done.value.code == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["degradation"] > 5
    assert "row 49 left out" in err
