"""Sentence embeddings, pooled as each model says."""

import importlib
import logging
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from transformers import AutoTokenizer, BertConfig, BertModel

from robustness.errors import InputError, NotFoundError
from robustness.models import packaged, sentence_encoder
from robustness.models.sentence_encoder import Encoder
from tests.conftest import make_tokenizer

TEXTS = ["Is it good?", "Rate this review of a film, from one to five.", "x"]


def made(folder: Path, pooling: str | None) -> Path:
    """A random BERT, as sentence-transformers saves it or as transformers does."""
    size = make_tokenizer(folder / "plain", encoder_decoder=False)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=size, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=64, max_position_embeddings=128, initializer_range=0.5,
    )
    BertModel(config).save_pretrained(folder / "plain")
    if pooling is None:
        return folder / "plain"
    words = Transformer(str(folder / "plain"))
    parts = [words, Pooling(32, pooling_mode=pooling)]
    SentenceTransformer(modules=parts).save(str(folder / pooling))
    return folder / pooling


def by_hand(folder: Path, pooling: str) -> np.ndarray:
    """The same embeddings, a text at a time."""
    model = BertModel.from_pretrained(folder / "plain").eval()
    tokenizer = AutoTokenizer.from_pretrained(folder / "plain")
    rows = []
    for text in TEXTS:
        with torch.inference_mode():
            hidden = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        row = hidden[0] if pooling == "cls" else hidden.mean(0)
        rows.append(torch.nn.functional.normalize(row, dim=0).numpy())
    return np.stack(rows)


@pytest.mark.parametrize("pooling", ["cls", "mean", None])
def test_texts_are_pooled_as_the_model_says(pooling: str | None, tmp_path: Path) -> None:
    embed = Encoder(str(made(tmp_path, pooling)))
    vectors = embed(TEXTS)
    assert vectors.dtype == np.float32 and vectors.shape == (3, 32)
    np.testing.assert_allclose(vectors, by_hand(tmp_path, pooling or "mean"), atol=1e-5)


def test_an_encoder_can_be_cut_after_some_layers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = made(tmp_path, None)
    monkeypatch.setattr(logging.getLogger("transformers"), "propagate", True)
    cut = Encoder(str(folder), layers=1)(TEXTS)
    assert "UNEXPECTED" not in caplog.text
    config = BertConfig.from_pretrained(folder, num_hidden_layers=1)
    BertModel.from_pretrained(folder, config=config).save_pretrained(tmp_path / "cut" / "plain")
    AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path / "cut" / "plain")
    np.testing.assert_allclose(cut, by_hand(tmp_path / "cut", "mean"), atol=1e-5)
    assert np.abs(cut - Encoder(str(folder))(TEXTS)).max() > 0.01


def test_what_was_read_is_remembered_within_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sentence_encoder, "_REMEMBERED", 2)
    embed = Encoder(str(made(tmp_path, None)))
    first = embed(TEXTS)
    read: list[str] = []
    real = embed._model.encode
    monkeypatch.setattr(
        embed._model, "encode", lambda texts, **rest: (read.extend(texts), real(texts, **rest))[1]
    )
    np.testing.assert_array_equal(embed(TEXTS[1:]), first[1:])
    assert read == []
    np.testing.assert_allclose(embed([TEXTS[0], TEXTS[0]]), first[[0, 0]], atol=1e-5)
    assert read == [TEXTS[0]]


def test_an_empty_text_has_an_embedding(tmp_path: Path) -> None:
    assert np.isfinite(Encoder(str(made(tmp_path, None)))(["", "x"])).all()


@pytest.fixture
def forgotten() -> Iterator[None]:
    """No encoder is known as installed, before and after."""
    sentence_encoder.installed.cache_clear()
    yield
    sentence_encoder.installed.cache_clear()


@pytest.mark.usefixtures("forgotten")
def test_an_installed_encoder_is_loaded_once_and_nothing_is_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(made(tmp_path, "cls"))
    found = sentence_encoder.installed(folder, 1)
    assert found is not None and found is sentence_encoder.installed(folder, 1)
    assert (found.name, found.layers) == (folder, 1)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: pytest.fail("a name was looked up"))
    assert sentence_encoder.installed("sentence-transformers/not-on-this-machine") is None
    # The packaged model is one, as soon as it was made.
    assert sentence_encoder.installed(packaged.SMOLLM2.id, 5) is None
    with pytest.raises(NotFoundError, match="backbone fetch"):
        Encoder(packaged.SMOLLM2.id)


@pytest.mark.usefixtures("forgotten")
def test_without_the_library_no_encoder_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(made(tmp_path, "cls"))
    monkeypatch.setattr(sentence_encoder.importlib.util, "find_spec", lambda _: None)
    assert sentence_encoder.installed(folder) is None


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no encoder .*nowhere"):
        Encoder(str(tmp_path / "nowhere"))


def test_the_missing_library_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.import_module

    def absent(name: str) -> ModuleType:
        if name == "sentence_transformers":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name)

    monkeypatch.setattr(sentence_encoder.importlib, "import_module", absent)
    with pytest.raises(InputError, match=r"pip install -r requirements-encoder\.txt"):
        Encoder("any")


def test_the_library_is_imported_only_where_an_encoder_is_named() -> None:
    code = (
        "import sys, robustness.models.sentence_encoder\n"
        "print('sentence_transformers' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False"]
