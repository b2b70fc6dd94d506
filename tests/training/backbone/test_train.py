"""Miniatures of the real training, on the real corpora."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM

from robustness.errors import InputError, MismatchError
from robustness.models.transformers_engine import TransformersEngine
from robustness.storage import files
from robustness.training.backbone import recipe, train
from robustness.training.backbone.batches import IGNORED, TrainingSequence
from robustness.training.backbone.train import Progress
from robustness.types import Prompt

needs_data = pytest.mark.skipif(
    "STEADFAST_DATA" not in os.environ, reason="STEADFAST_DATA names no data folder"
)
TINY = replace(
    recipe.load("ci"), hidden=32, feed_forward=64, vocabulary=1200, steps=6, batch_stories=4,
    batch_texts=6, batch_running=2, running_weight=0.5, running_words=2000, checkpoint_every=2,
)


def corpora() -> Path:
    return Path(os.environ["STEADFAST_DATA"]) / "nltk_data"


def run(out: Path, made: recipe.Recipe, on_progress: Callable[[Progress], None]) -> Path:
    return train.train(made, out, nltk_data=corpora(), on_progress=on_progress)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Progress]]:
    seen: list[Progress] = []
    return run(tmp_path_factory.mktemp("whole"), TINY, seen.append), seen


@pytest.mark.slow
@needs_data
def test_what_was_trained_is_served(trained: tuple[Path, list[Progress]]) -> None:
    folder, seen = trained
    assert [p.step for p in seen] == [2, 4, 6]
    assert all(p.tokens_per_second > 0 for p in seen)
    assert any("place" in p.accuracy for p in seen)
    assert all(0 <= p.accuracy["running"] <= 1 for p in seen)
    record = files.read_json(folder / "training.json", schema=train.SCHEMA)
    assert record["recipe"]["hidden"] == 32
    assert record["tokens"] > 0
    assert not (folder / "checkpoint.pt").exists()
    engine = TransformersEngine(folder, prefixes={})
    prompt = Prompt(instruction_id="", example_id="", text="Where is Anna?", options=("a", "b"))
    reading = engine.read(engine.models()[0].id, [prompt])[0]
    assert reading.representation.shape == (32,)


@pytest.mark.slow
@needs_data
def test_a_killed_training_goes_on_to_the_same_weights(
    trained: tuple[Path, list[Progress]], tmp_path: Path
) -> None:
    def kill(made: Progress) -> None:
        if made.step == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, TINY, kill)
    assert (tmp_path / "checkpoint.pt").is_file()
    with pytest.raises(MismatchError, match="another recipe"):
        run(tmp_path, replace(TINY, seed=5), lambda _: None)
    seen: list[Progress] = []
    run(tmp_path, TINY, seen.append)
    assert [p.step for p in seen] == [6]
    whole, resumed = (load_file(f / "model.safetensors") for f in (trained[0], tmp_path))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


@pytest.mark.slow
@needs_data
def test_a_training_in_slices_gives_the_same_weights(
    trained: tuple[Path, list[Progress]], tmp_path: Path
) -> None:
    slices = replace(TINY, checkpoint_every=3)
    for _ in range(2):
        assert not (tmp_path / "model.safetensors").exists()
        train.train(
            slices, tmp_path, nltk_data=corpora(), on_progress=lambda _: None, seconds=0.0
        )
    whole, sliced = (load_file(f / "model.safetensors") for f in (trained[0], tmp_path))
    assert all(torch.equal(whole[name], sliced[name]) for name in whole)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_recipe_for_a_gpu_says_that_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="preset cpu"):
        train.train(
            recipe.load("gpu"), tmp_path / "out", nltk_data=None, on_progress=lambda _: None
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@needs_data
def test_batches_made_by_another_process_are_the_same(
    trained: tuple[Path, list[Progress]], tmp_path: Path
) -> None:
    run(tmp_path, replace(TINY, workers=1), lambda _: None)
    whole, other = (load_file(f / "model.safetensors") for f in (trained[0], tmp_path))
    assert all(torch.equal(whole[name], other[name]) for name in whole)


def _model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=20, hidden_size=16, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=2, tie_word_embeddings=True,
    )
    return LlamaForCausalLM(config).eval()


def test_the_loss_is_that_of_the_answers_alone_whatever_the_padding() -> None:
    model = _model()
    first = TrainingSequence(task="a", ids=(1, 5, 6, 7), labels=(IGNORED, IGNORED, 6, 7))
    second = TrainingSequence(task="b", ids=(1, 9), labels=(IGNORED, 9))
    ids, labels = train.pad([first, second], 0)
    assert ids.tolist() == [[1, 5, 6, 7], [1, 9, 0, 0]]
    assert labels[1].tolist() == [IGNORED, 9, IGNORED, IGNORED]
    loss, hits = train.answer_loss(model, ids, labels, 0.0)
    expected = 0.0
    for sequence in (first, second):
        logits = model(torch.tensor([sequence.ids])).logits[0].log_softmax(-1)
        for at, wanted in enumerate(sequence.labels):
            if wanted != IGNORED:
                expected -= logits[at - 1, wanted].item()
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    assert hits.shape == (3,)
