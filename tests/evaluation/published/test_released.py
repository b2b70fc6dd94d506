import os
from pathlib import Path

import pandas as pd
import pytest

from robustness.errors import CorruptFileError, NotFoundError
from robustness.evaluation import published
from robustness.evaluation.published import released
from robustness.storage import files

needs_data = pytest.mark.skipif(
    "STEADFAST_DATA" not in os.environ, reason="STEADFAST_DATA names no data folder"
)

LINES = """Model,Dataset,Collection,Type,ID,Shots,Performance,Metric,Include?
T0++,BBQ_Lite,BBL,Unobserved,2,0,0.5,Logits,TRUE
T0++,BBQ_Lite,BBL,Unobserved,1,0,PD,Logits,TRUE
T0-3B,BBQ_Lite,BBL,Unobserved,2,0,0.25,Logits,TRUE
T0-3B,BBQ_Lite,BBL,Unobserved,2,0,0.75,Logits,TRUE
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A released folder of a few lines."""
    for part in ("Main", "Scaling", "Shots", "Adversial"):
        (tmp_path / "result_csv" / part).mkdir(parents=True)
    for part in ("Main", "Scaling"):
        (tmp_path / "result_csv" / part / "a.csv").write_text(LINES)
    return tmp_path


@needs_data
def test_the_shipped_file_equals_what_the_released_results_give(tmp_path: Path) -> None:
    made = published.build(
        Path(os.environ["STEADFAST_DATA"]) / "instructioneval", tmp_path / "accuracy.csv"
    )
    assert made.read_bytes() == published.SHIPPED.read_bytes()
    note = "provenance.json"
    assert files.read_json(made.with_name(note)) == files.read_json(
        published.SHIPPED.with_name(note), schema=released.SCHEMA
    )


@needs_data
def test_every_released_accuracy_is_in_the_shipped_file() -> None:
    root = Path(os.environ["STEADFAST_DATA"]) / "instructioneval" / "result_csv"
    columns = ["model", *released.KEY[:-1], "points"]
    shipped = set(released.read_results()[columns].itertuples(index=False))
    names = ["Model", "Dataset", "Collection", "Type", "ID", "Shots", "Performance"]
    wanted = set()
    for path in root.rglob("*.csv"):
        if "Improvement" not in path.parts:
            lines = pd.read_csv(path)[names]
            lines["Performance"] = pd.to_numeric(lines["Performance"], errors="coerce") * 100.0
            wanted |= set(lines.dropna().itertuples(index=False, name=None))
    assert wanted == {tuple(line) for line in shipped}
    assert len(wanted) == 8835


def test_no_sentence_ships() -> None:
    table = pd.read_csv(published.SHIPPED)
    words = table[["dataset", "collection", "type"]].to_numpy().ravel()
    assert not any(" " in word for word in words)


def test_a_line_in_two_files_is_one_and_a_repeated_line_is_two(folder: Path) -> None:
    table = released.collect(folder).table
    assert table["id"].tolist() == [1, 2, 2]
    assert table["repeat"].tolist() == [0, 0, 1]
    assert table["T0++"].tolist() == ["", "0.5", ""]
    assert table["T0-3B"].tolist() == ["", "0.25", "0.75"]


def test_a_pending_accuracy_is_counted_and_never_zero(folder: Path, tmp_path: Path) -> None:
    made = released.collect(folder)
    assert made.note["pending"]["cells"] == 1  # type: ignore[index]
    released.write_results(made, tmp_path / "a.csv")
    assert sorted(released.read_results(tmp_path / "a.csv")["points"]) == [25.0, 50.0, 75.0]


def test_files_that_disagree_and_folders_that_lack_a_part_are_refused(folder: Path) -> None:
    (folder / "result_csv" / "Scaling" / "a.csv").write_text(LINES.replace("0.5", "0.6"))
    with pytest.raises(CorruptFileError, match=r"disagree about T0\+\+ on BBQ_Lite"):
        released.collect(folder)
    with pytest.raises(NotFoundError, match="'Main'"):
        released.collect(folder / "result_csv" / "Main")


def test_a_broken_shipped_file_says_how_to_make_it_again(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with pytest.raises(NotFoundError, match="published build"):
        released.read_results(path)
    table = pd.read_csv(published.SHIPPED, dtype=str).head(3)
    table.drop(columns="T0++").to_csv(path, index=False)
    with pytest.raises(CorruptFileError, match=r"no column 'T0\+\+'"):
        released.read_results(path)
    table.assign(**{"Alpaca-7B": "1.2"}).to_csv(path, index=False)
    with pytest.raises(CorruptFileError, match="outside"):
        released.read_results(path)
    table.assign(**{"Alpaca-7B": "PD"}).to_csv(path, index=False)
    with pytest.raises(CorruptFileError, match="PD"):
        released.read_results(path)
    pd.concat([table, table]).to_csv(path, index=False)
    with pytest.raises(CorruptFileError, match="twice"):
        released.read_results(path)
