"""The same commands print the same numbers as before: `python tests/test_numbers.py` saves them.

`numbers.json` holds what each command printed with `--json`. A change that moves a prediction, a
score or a table on purpose saves the file again, in a commit that says why.
"""

import contextlib
import io
import json
import math
import tempfile
from pathlib import Path
from typing import Any

import pytest

from robustness import cli

SAVED = Path(__file__).with_name("numbers.json")
ROOT = Path(__file__).resolve().parents[1]
TOLERANCE = 0.02
"""Points, nats or distance: what another order of additions may change, and no more."""

OPINION = "Say if this is a view or a fact."
PLACE = "Whereabouts is {name}? {story}"
COMMANDS = {
    "distance alone": ["predict", OPINION],
    "unlabelled inputs": ["predict", OPINION, "--task", "subjectivity"],
    "32 unlabelled inputs": ["predict", PLACE, "--task", "place", "--probe", "32"],
    "labelled inputs": ["predict", OPINION, "--task", "subjectivity", "--labelled", "16"],
    "measured": ["predict", "What mood is it? {text}", "--task", "scene_mood", "--measure"],
    "an aligned model": ["predict", OPINION, "--task", "subjectivity", "--prefix", "pt-kl"],
    "an observed instruction": ["predict", "Is {name} in a kitchen?", "--task", "place"],
    "a closed model": [
        "predict", PLACE, "--measurements", "assets/examples/measured.csv", "--task", "place",
    ],
    "answers of four models": [
        "compare", OPINION, "--task", "subjectivity", "--input", "a warm, witty film",
    ],
    "rewordings": ["advise", OPINION, "--task", "subjectivity"],
    "quantiles": ["quantiles", "--task", "subjectivity", "--budget", "0.05"],
    "the index": ["index", "info"],
    **{
        name: ["published", name]
        for name in ("table3", "table4", "fig2b", "fig3", "fig6", "findings")
    },
}


def printed(arguments: list[str]) -> Any:
    """What a command prints, as one JSON document."""
    out = io.StringIO()
    leaves = contextlib.suppress(SystemExit)
    with contextlib.chdir(ROOT), contextlib.redirect_stdout(out), leaves:
        cli.main([*arguments, "--json"])
    text = out.getvalue().replace(str(ROOT), "")
    assert text, f"{arguments} printed nothing"
    return json.loads(text)


def scored() -> str:
    """The example table, scored."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "scored.csv")
        printed(["score", "assets/examples/instructions.csv", "--out", str(out)])
        return out.read_text()


def differences(before: Any, now: Any, where: str = "") -> list[str]:
    """Each place where two documents say different things."""
    if isinstance(before, dict) and isinstance(now, dict):
        keys = sorted(before.keys() | now.keys())
        return [
            line
            for key in keys
            for line in differences(before.get(key), now.get(key), f"{where}/{key}")
        ]
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        return [
            line
            for n, (a, b) in enumerate(zip(before, now, strict=True))
            for line in differences(a, b, f"{where}/{n}")
        ]
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (before, now))
    if numbers and math.isclose(before, now, rel_tol=1e-3, abs_tol=TOLERANCE):
        return []
    return [] if before == now else [f"{where}: {before!r} became {now!r}"]


def rows(table: str) -> list[list[Any]]:
    """Cells of a CSV text, numbers as numbers."""

    def cell(text: str) -> Any:
        try:
            return float(text)
        except ValueError:
            return text

    return [[cell(text) for text in line.split(",")] for line in table.splitlines()]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_prints_the_numbers_that_it_printed_before(name: str) -> None:
    saved = json.loads(SAVED.read_text())
    assert differences(saved[name], printed(COMMANDS[name])) == []


@pytest.mark.slow
def test_a_scored_table_has_the_cells_that_it_had_before() -> None:
    saved = json.loads(SAVED.read_text())
    assert differences(rows(saved["a scored table"]), rows(scored())) == []


def save() -> None:
    """Writes what every command prints now."""
    made = {name: printed(arguments) for name, arguments in COMMANDS.items()}
    made["a scored table"] = scored()
    SAVED.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    save()
