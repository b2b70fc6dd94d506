"""`backbone/card.py`: the files next to the weights, from made-up figures."""

from pathlib import Path

import pytest

from robustness.data.test_set_log import Entry
from robustness.evaluation.wording_vs_layout import Decomposition, TaskLosses
from robustness.stats.intervals import Estimate
from robustness.storage import files, provenance
from robustness.training.backbone import card, card_markdown, recipe
from robustness.training.backbone.card import Gain, TaskAccuracy
from robustness.training.backbone.quality import Followed, FollowedTask, Free, Unseen


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files.write_json(
        tmp_path / "training.json",
        {
            "schema": 1, "recipe": recipe.load("ci"), "seconds": 120.0, "tokens": 1_500_000,
            "parameters": 2_340_000, "provenance": provenance.collect(schema=1, seed=1),
        },
    )
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    return tmp_path


def cell(task: str, task_type: str, accuracy: float, std: float | None) -> TaskAccuracy:
    return TaskAccuracy(
        task=task, task_type=task_type, collection="observed", instructions=1, inputs=8,
        accuracy=accuracy, low=accuracy - 3.5, high=accuracy + 2.5, std=std, worst=12.5,
        chance=25.0,
    )


CELLS = [cell("place", "QA", 71.25, None), cell("object", "QA", 61.25, 4.75)]
GAIN = Gain(
    model="m+p", collection="observed", task_type="QA", tasks=2, value=-1.5, low=-2.25, high=0.5
)
REAL = {
    "task": "polarity", "split": "dev", "backbone": 70.5, "baseline": 75.25, "difference": -4.75,
    "low": -7.5, "high": -2.25, "inputs": 200, "train": 9000,
}
PARTS = {
    "data": [{"task": "polarity", "licence": "CC BY 4.0", "train": 9, "dev": 2, "test": 3}],
    "unseen": [
        Unseen(task="food", collection="observed", accuracy=a, low=a - 5, high=a + 5, chance=25.0)
        for a in (5.0, 27.5, 35.5)
    ],
    "free": [
        Free(
            task_type="QA", collection="observed", answers=64, by_options=90.5, generated=80.25,
            unparsed=6.75,
        )
    ],
    "followed": Followed(
        negated=Estimate(value=20.5, low=10.25, high=30.75),
        nonsensical=Estimate(value=40.5, low=35.25, high=45.75),
        tasks=(
            FollowedTask(
                task="place", instructions=3, inputs=4, given=90.5, negated=70.25,
                nonsensical=50.75, chance=25.5,
            ),
        ),
    ),
    "decomposition": Decomposition(
        total=Estimate(value=19.25, low=12.5, high=25.75),
        by_wording=Estimate(value=18.25, low=11.5, high=24.75),
        by_layout=Estimate(value=7.25, low=4.5, high=10.75),
        tasks=(
            TaskLosses(
                task="place", observed_instructions=3, unobserved_instructions=5, left=2,
                observed=90.0, unobserved=70.0, wording=72.0, layout=85.0,
            ),
        ),
    ),
    "seeds": {
        "recipe": {"layers": 3, "hidden": 96, "steps": 3000},
        "rows": [
            {
                "seed": 2, "differs": {"steps": 9}, "seconds": 600.0, "parameters": 1_100_000,
                "types": {
                    k: {"observed": 91.25, "unobserved-development": 61.75}
                    for k in ("QA", "MC", "BC")
                },
                "decomposition": {
                    k: {"value": v, "low": v - 1, "high": v + 1}
                    for k, v in (("total", 20.5), ("by_wording", 18.5), ("by_layout", 8.5))
                },
            }
        ],
    },
    "asked": [
        Entry(
            created="2026-11-21T09:51:21+00:00", command="python -m robustness backbone card",
            model="m", weights="a27d31f1088a717a", what="accuracy",
        )
    ],
}


def test_what_is_written_is_the_document_and_its_markdown(folder: Path) -> None:
    made = card.document(CELLS, [GAIN], [REAL], folder)
    card_markdown.write(folder, made)
    read = files.read_json(folder / "card.json", schema=card.SCHEMA)
    assert read == files.plain(made)
    assert read["weights"] == files.file_hash(folder / "model.safetensors")
    assert (folder / "CARD.md").read_text(encoding="utf-8") == card_markdown.markdown(read)


def test_every_figure_is_shown_and_what_is_undefined_is_not_measured(folder: Path) -> None:
    text = card_markdown.markdown(files.plain(card.document(CELLS, [GAIN], [REAL], folder)))
    assert "2.34 million parameters" in text
    assert "2 minutes (1.5 million tokens" in text
    assert "| place | observed | 1 | 71.2 [67.8, 73.8] | not measured | 12.5 | 25.0 |" in text
    assert "| object | observed | 1 | 61.2 [57.8, 63.8] | 4.8 | 12.5 | 25.0 |" in text
    assert "| QA | 66.2 | not measured | not measured |" in text
    assert "| MC | not measured | not measured | not measured |" in text
    assert "| m+p | observed | QA | 2 | -1.5 [-2.2, +0.5] |" in text
    assert "| polarity | dev | 70.5 | 75.2 | -4.8 [-7.5, -2.2] | 200 |" in text
    assert "Not measured: the corpora" not in text


def test_every_part_is_shown_and_a_missing_one_is_not_measured(folder: Path) -> None:
    made = card.document(CELLS, [GAIN], [REAL], folder, **PARTS)
    text = card_markdown.markdown(files.plain(made))
    for line in (
        "| polarity | CC BY 4.0 | 9 | 2 | 3 |",
        "| food | observed | 5.0 [0.0, 10.0] | 25.0 | below chance |",
        "| food | observed | 27.5 [22.5, 32.5] | 25.0 | not shown to be above chance |",
        "| food | observed | 35.5 [30.5, 40.5] | 25.0 | above chance |",
        "| QA | observed | 64 | 90.5 | 80.2 | 6.8 |",
        "negation 20.5 [10.2, 30.8] points, by nonsense 40.5 [35.2, 45.8]",
        "| place | 90.5 | 70.2 | 50.8 | 25.5 |",
        "5 unobserved-development instructions whose wording",
        "| unobserved wording in an observed layout | 18.2 [11.5, 24.8] |",
        "| 2, steps = 9 | 10 | 91.2 / 61.8 | 91.2 / 61.8 | 91.2 / 61.8 | 20.5 [19.5, 21.5] |",
        "| 2026-11-21T09:51:21+00:00 | `a27d31f1088a` | m | accuracy |",
    ):
        assert line in text
    bare = card_markdown.markdown(files.plain(card.document(CELLS, [], [], folder)))
    bare = bare.split("## Accuracy by type")[1]
    for title in ("never trained on", "free answers", "made of", "followed?", "Other seeds"):
        section = bare.split(title)[1].split("##")[0]
        assert "Not measured." in section
    assert "None." in bare.split("Every evaluation on unobserved-test")[1]
