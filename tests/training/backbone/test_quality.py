"""The embedded backbone at a small size, and what a card takes in."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from robustness.data import instructions, test_set_log
from robustness.data.tasks import builtin
from robustness.errors import InputError, MismatchError
from robustness.models.transformers_engine import TransformersEngine
from robustness.storage import files
from robustness.training.backbone import card, quality

ROW = {
    "recipe": {"layers": 1, "hidden": 8, "steps": 2},
    "rows": [
        {
            "seed": 7, "differs": {}, "seconds": 60.0, "parameters": 1_000_000,
            "types": {
                k: {"observed": 1.0, "unobserved-development": 2.0} for k in ("QA", "MC", "BC")
            },
            "decomposition": {
                k: {"value": 1.0, "low": 0.0, "high": 2.0}
                for k in ("total", "by_wording", "by_layout")
            },
        }
    ],
}


@pytest.fixture(scope="module")
def embedded(backbone: Path) -> TransformersEngine:
    return TransformersEngine(backbone, prefixes={})


def model(engine: TransformersEngine) -> str:
    return engine.models()[0].id


def test_negated_and_nonsensical_instructions_cost_accuracy(embedded: TransformersEngine) -> None:
    tasks = [builtin("scene_mood"), builtin("place")]
    found = quality.followed(embedded, model(embedded), tasks, limit=8)
    assert [t.task for t in found.tasks] == ["scene_mood", "place"]
    assert found.nonsensical.low > 0
    means = np.mean([(t.given - t.negated, t.given - t.nonsensical) for t in found.tasks], axis=0)
    assert (found.negated.value, found.nonsensical.value) == pytest.approx(tuple(means))


def test_without_observed_instructions_there_is_nothing_to_follow(
    embedded: TransformersEngine,
) -> None:
    with pytest.raises(InputError, match="observed"):
        quality.followed(embedded, model(embedded), [builtin("food")], limit=4)


def test_free_answers_stand_beside_those_of_the_options(embedded: TransformersEngine) -> None:
    found = quality.free_answers(
        embedded, model(embedded), [builtin("scene_topic"), builtin("scene_indoors")],
        sets=(instructions.OBSERVED,), limit=4,
    )
    rows = {row.task_type: row for row in found}
    assert set(rows) == {"BC", "MC", "all"}
    assert rows["all"].answers == rows["BC"].answers + rows["MC"].answers
    assert rows["all"].by_options > 90
    assert rows["all"].generated > 60
    assert 0 <= rows["all"].unparsed <= 100 - rows["all"].generated


def test_unseen_tasks_stand_beside_chance() -> None:
    right = np.zeros((3, 8), dtype=np.bool_)
    right[:, ::2] = True
    rows = quality.unseen({("food", "observed"): right, ("place", "observed"): right})
    assert [r.task for r in rows] == ["food"]
    assert rows[0].accuracy == pytest.approx(50.0)
    assert rows[0].low < 50.0 < rows[0].high
    assert rows[0].chance == pytest.approx(25.0)


def test_seeds_and_settings_are_compared_and_other_sizes_refused(
    backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality, "trained_tasks", lambda: [builtin("scene_mood")])
    monkeypatch.setattr(card, "builtin_names", lambda: ["scene_mood"])
    folders = []
    for seed in (1, 2):
        folder = tmp_path / str(seed)
        folder.mkdir()
        for file in backbone.iterdir():
            if file.is_file():
                (folder / file.name).symlink_to(file)
        record = files.read_json(backbone / "training.json", schema=1)
        (folder / "training.json").unlink()
        record["recipe"] |= {"seed": seed, "batch_running": 4 * (seed - 1)}
        files.write_json(folder / "training.json", record)
        folders.append(folder)
    made = quality.compare_seeds(folders, tmp_path, limit=2)
    assert [row["seed"] for row in made["rows"]] == [1, 2]
    assert [row["differs"] for row in made["rows"]] == [{}, {"batch_running": 4}]
    assert files.read_json(tmp_path / quality.SEEDS, schema=1)["rows"][0]["types"]["MC"]
    record = files.read_json(folders[1] / "training.json", schema=1)
    record["parameters"] += 1
    files.write_json(folders[1] / "training.json", record)
    with pytest.raises(InputError, match="different sizes"):
        quality.compare_seeds(folders, tmp_path, limit=2)


def test_a_card_takes_in_what_lies_beside_it_and_measures_nothing(
    backbone: Path, tmp_path: Path
) -> None:
    for name in ("card.json", "training.json", "model.safetensors"):
        shutil.copy(backbone / name, tmp_path / name)
    (tmp_path / test_set_log.FILE).write_text("")
    before = files.read_json(tmp_path / "card.json")
    files.write_json(tmp_path / quality.SEEDS, {"schema": 1} | ROW)
    made = files.plain(quality.refresh(tmp_path))
    assert made["seeds"]["rows"][0]["seed"] == 7 and made["asked"] == []
    assert made["cells"] == before["cells"] and made["provenance"] == before["provenance"]
    assert "| 7 |" in (tmp_path / "CARD.md").read_text()
    (tmp_path / "model.safetensors").write_bytes(b"others")
    with pytest.raises(MismatchError, match="other weights"):
        quality.refresh(tmp_path)
