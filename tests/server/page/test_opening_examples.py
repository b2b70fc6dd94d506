"""Each opening example still shows, on the models that ship, what it was chosen for."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from robustness import paths, wording
from robustness.cli.open import engine_of
from robustness.evaluation.perturbations import probe
from robustness.models.load_options import PLAIN, PromptFormat
from robustness.storage import files
from robustness.wording import Asked
from robustness.workbench import Workbench
from server.page import shipped

EXAMPLES = [
    (folder, e["name"]) for folder in (paths.BACKBONE, paths.TUNED) for e in shipped.opening(folder)
]
pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Shown:
    """An example of a model that ships, as it is now and as it was recorded."""

    bench: Workbench
    example: dict[str, Any]

    @property
    def asked(self) -> Asked:
        return Asked(**self.example["asked"])

    @property
    def look(self) -> dict[str, Any]:
        found: dict[str, Any] = files.plain(wording.look(self.bench, self.asked))
        return found

    @property
    def right(self) -> list[float]:
        """Accuracy of the original and the aligned model as it was measured."""
        return [m["accuracy"] for m in self.example["shown"]["measured"]]


@pytest.fixture(scope="module")
def benches(request: pytest.FixtureRequest) -> Iterator[Callable[[Path], Workbench]]:
    """The workbench of a model that ships, by the folder of what ships of it."""
    made: dict[Path, Workbench] = {}

    def bench(folder: Path) -> Workbench:
        if folder not in made:
            name = "backbone" if folder == paths.BACKBONE else "tuned_smollm2"
            model = str(request.getfixturevalue(name))
            made[folder] = Workbench(engine_of(model, None, PromptFormat.AUTO, PLAIN))
        return made[folder]

    yield bench
    for one in made.values():
        one.engine.close()


@pytest.fixture
def shown(benches: Callable[[Path], Workbench]) -> Callable[[Path, str], Shown]:
    def found(folder: Path, name: str) -> Shown:
        (example,) = (e for e in shipped.opening(folder) if e["name"] == name)
        return Shown(benches(folder), example)

    return found


Of = Callable[[Path, str], Shown]


@pytest.mark.parametrize(("folder", "name"), EXAMPLES)
def test_what_was_recorded_is_what_is_computed(folder: Path, name: str, shown: Of) -> None:
    found = shown(folder, name)
    look, before = found.look, found.example["shown"]["look"]
    assert look["prediction"]["degradation"] == pytest.approx(
        before["prediction"]["degradation"], abs=0.1
    )
    assert json.dumps(look["map"]["ids"]) == json.dumps(before["map"]["ids"])
    measured = [m.accuracy for m in wording.measure(found.bench, found.asked)]
    # What another processor rounds may turn one answer of 128 on the tuned model.
    turned = None if folder == paths.BACKBONE else 100 / 128
    assert found.right == pytest.approx(measured, abs=turned)


def bounds(look: dict[str, Any]) -> tuple[float, float]:
    made = look["prediction"]
    return look["usual"] - made["high"], look["usual"] - made["low"]


def test_roundabout_breaks_the_embedded_original_and_hardly_the_aligned_one(shown: Of) -> None:
    found = shown(paths.BACKBONE, "roundabout")
    (original, aligned), look = found.right, found.look
    assert original < look["usual"] - 40 and aligned > look["usual"] - 10
    low, high = bounds(look)
    assert low <= original <= high


def test_chatty_costs_the_tuned_original_and_hardly_the_aligned_one(shown: Of) -> None:
    found = shown(paths.TUNED, "chatty")
    (original, aligned), look = found.right, found.look
    assert original < look["usual"] - 10 and aligned > look["usual"] - 5
    low, high = bounds(look)
    assert low <= original <= high < look["usual"]


@pytest.mark.parametrize("folder", [paths.BACKBONE, paths.TUNED])
def test_blank_breaks_both(folder: Path, shown: Of) -> None:
    found = shown(folder, "blank")
    assert max(found.right) < found.look["usual"] - 40


@pytest.mark.parametrize(
    ("folder", "name"), [(paths.BACKBONE, "chatty"), (paths.TUNED, "unfinished")]
)
def test_one_is_missed_by_the_predictor(folder: Path, name: str, shown: Of) -> None:
    found = shown(folder, name)
    low, high = bounds(found.look)
    assert not low <= found.right[0] <= high
    assert not found.look["prediction"]["conflicts"]


@pytest.mark.parametrize("folder", [paths.BACKBONE, paths.TUNED])
def test_off_topic_is_answered_as_well_without_an_instruction(folder: Path, shown: Of) -> None:
    found = shown(folder, "off_topic")
    assert not found.look["prediction"]["reliance"]["reads"]
    made = probe(found.bench, found.asked.instruction, task=found.asked.task)
    empty = next(r for r in made.rows if r.kind == "empty")
    assert empty.accuracy_low <= found.look["usual"] <= empty.accuracy_high
    # Nonsense costs the tuned model accuracy: it reads the words, and needs none.
    assert folder == paths.TUNED or empty.low <= 0 <= empty.high


@pytest.mark.parametrize("folder", [paths.BACKBONE, paths.TUNED])
def test_conflict_asks_for_other_answers_and_has_a_fix(folder: Path, shown: Of) -> None:
    (conflict,) = shown(folder, "conflict").look["prediction"]["conflicts"]
    assert conflict["asked"] == ["True", "False"] and conflict["suggestion"]


@pytest.mark.parametrize("folder", [paths.BACKBONE, paths.TUNED])
def test_gibberish_gets_no_number(folder: Path, shown: Of) -> None:
    made = shown(folder, "gibberish").look["prediction"]
    assert made["degradation"] is None
    assert not made["in_support"]
