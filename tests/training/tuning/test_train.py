"""Miniatures of the real tuning, on the real corpora and a tiny model."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from robustness.errors import InputError, MismatchError, NotFoundError
from robustness.models.transformers_engine import TransformersEngine
from robustness.storage import files, provenance
from robustness.training.backbone.train import Progress
from robustness.training.tuning import recipe, train
from robustness.types import Prompt

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "STEADFAST_DATA" not in os.environ, reason="STEADFAST_DATA names no data folder"
    ),
]
TINY = recipe.load("ci")


def data() -> Path:
    return Path(os.environ["STEADFAST_DATA"])


@pytest.fixture(scope="module")
def tuned(
    tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[Progress]]:
    seen: list[Progress] = []
    out = tmp_path_factory.mktemp("tuned")
    return train.tune(TINY, tiny_llama, out, folder=data(), on_progress=seen.append), seen


def test_what_was_tuned_is_served_with_its_first_layers(
    tuned: tuple[Path, list[Progress]], tiny_llama: Path
) -> None:
    folder, seen = tuned
    assert [p.step for p in seen] == [1, 2, 3, 4]
    assert not (folder / provenance.CHECKPOINT_FILE).exists()
    record = files.read_json(folder / provenance.TRAINING_FILE, schema=train.SCHEMA)
    assert record["tokens"] > 0 and 0 < record["tuned"] < record["parameters"]
    engine = TransformersEngine(folder, device="cpu")
    assert engine.checkpoint.layers == TINY.layers
    prompt = Prompt(instruction_id="", example_id="", text="Where is Anna?", options=("a", "b"))
    assert len(engine.read(engine.models()[0].id, [prompt])[0].option_logprobs) == 2
    before, after = (load_file(f / "model.safetensors") for f in (tiny_llama, folder))
    changed = {n for n in after if not torch.equal(before[n].half(), after[n])}
    assert changed and all(n.startswith(("model.layers.1.", "model.norm")) for n in changed)


def test_measurements_are_of_development_sets_only(tuned: tuple[Path, list[Progress]]) -> None:
    (row,) = files.read_jsonl(tuned[0] / train.DEVELOPMENT)
    assert row["update"] == TINY.updates
    assert set(row["accuracy"]) == {
        "observed", "unobserved-development", "negated", "nonsensical", "empty", "incorrect"
    }
    assert row["accuracy"]["observed"].keys() == set(train.MEASURED[:-2])
    assert all(0 <= a <= 100 for part in row["accuracy"].values() for a in part.values())


def test_a_killed_tuning_goes_on_to_the_same_weights(
    tuned: tuple[Path, list[Progress]], tiny_llama: Path, tmp_path: Path
) -> None:
    def kill(made: Progress) -> None:
        if made.step == 3:
            raise KeyboardInterrupt

    def run(made: recipe.TuningRecipe, report=lambda _: None) -> Path:
        return train.tune(made, tiny_llama, tmp_path, folder=data(), on_progress=report)

    with pytest.raises(KeyboardInterrupt):
        run(TINY, kill)
    assert (tmp_path / provenance.CHECKPOINT_FILE).is_file()
    with pytest.raises(MismatchError, match="another recipe"):
        run(replace(TINY, seed=5))
    seen: list[Progress] = []
    run(TINY, seen.append)
    assert [p.step for p in seen] == [3, 4]
    whole, resumed = (load_file(f / "model.safetensors") for f in (tuned[0], tmp_path))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


@pytest.mark.parametrize(
    ("changed", "atol", "rtol"),
    [
        pytest.param({"workers": 1}, 0.0, 0.0, id="made by another process"),
        pytest.param({"together": 2}, 2e-3, 2e-2, id="read together"),
    ],
)
def test_how_packs_are_made_and_read_decides_no_weights(
    changed: dict[str, int], atol: float, rtol: float, tuned: tuple[Path, list[Progress]],
    tiny_llama: Path, tmp_path: Path,
) -> None:
    made = replace(TINY, **changed)
    train.tune(made, tiny_llama, tmp_path, folder=data(), on_progress=lambda _: None)
    before, after = (load_file(f / "model.safetensors") for f in (tuned[0], tmp_path))
    for name in before:
        torch.testing.assert_close(after[name], before[name], atol=atol, rtol=rtol)


def test_it_stops_in_time_with_a_checkpoint(tiny_llama: Path, tmp_path: Path) -> None:
    waiting = replace(TINY, checkpoint_seconds=1e6)
    out = train.tune(
        waiting, tiny_llama, tmp_path, folder=data(), on_progress=lambda _: None, seconds=0.0
    )
    assert (out / provenance.CHECKPOINT_FILE).is_file()
    assert not (out / provenance.TRAINING_FILE).exists()


def test_more_layers_than_there_are_is_refused(tiny_llama: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has 3 layers"):
        train.tune(
            replace(TINY, layers=4), tiny_llama, tmp_path, folder=data(),
            on_progress=lambda _: None,
        )


def test_missing_conversations_are_named(tiny_llama: Path, tmp_path: Path) -> None:
    (tmp_path / "nltk_data").symlink_to(data() / "nltk_data")
    with pytest.raises(NotFoundError, match=r"seed_tasks\.jsonl.*chat_share=0"):
        train.prepare(TINY, tiny_llama, tmp_path)
    with pytest.raises(InputError, match="--data"):
        train.prepare(TINY, tiny_llama, None)
