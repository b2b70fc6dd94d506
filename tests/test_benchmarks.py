import importlib
import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """benchmarks/table.py, with a folder of its own for results."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    made = importlib.import_module("table")
    monkeypatch.setattr(made, "FOLDER", tmp_path)
    monkeypatch.setattr("sys.argv", ["table.py"])
    return made


def line(table: Any, ratio: float, bound: str = "whole process") -> Any:
    return table.Line(
        claim="c", peer="p", ratio=ratio, low=ratio, high=ratio, count=1, bound=bound
    )


def test_the_page_states_the_bounds_of_the_code(table: Any) -> None:
    claims = importlib.import_module("claims")
    assert claims.markdown() in (ROOT / "benchmarks/README.md").read_text()


def test_a_broken_claim_fails_the_table_and_is_named(
    table: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    table.save("whole", [line(table, 2.15), line(table, 0.1, bound="")])
    with pytest.raises(SystemExit, match=r"claim broken: c \(p\): 2\.15, claimed at least 4\.0"):
        table.main()
    shown = capsys.readouterr()
    assert "2.15" in shown.out
    assert "not measured: recall@10 of a big index (at least 0.98)" in shown.err


def test_claims_that_hold_end_with_the_table(table: Any) -> None:
    table.save("whole", [line(table, 4.5), line(table, 1.05, bound="one query")])
    table.main()
    assert line(table, 1.2, bound="one query").broken


def test_what_an_older_version_left_is_refused(table: Any) -> None:
    (table.FOLDER / "whole.json").write_text(json.dumps({"schema": 1, "lines": []}))
    with pytest.raises(SystemExit, match="schema"):
        table.main()


def test_every_claim_belongs_to_a_script_and_make_bench_fails_with_any(table: Any) -> None:
    claims = importlib.import_module("claims")
    sources = "".join(
        p.read_text() for p in (ROOT / "benchmarks").glob("*.py") if p.name != "claims.py"
    )
    for name in claims.BOUNDS:
        # Quantiles are named by their share of the cells.
        assert f'"{name}"' in sources or name.startswith("quantiles "), name
    assert 'failed:$$failed" >&2; exit 1' in (ROOT / "Makefile").read_text()
