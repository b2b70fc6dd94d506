"""Sentence embeddings, pooled as each model says."""

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from transformers import AutoTokenizer, BertConfig, BertModel

from robustness.errors import InputError, NotFoundError
from robustness.models import sentence_encoder
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
