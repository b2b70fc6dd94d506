"""Wordings compared by a sentence encoder, whose embeddings are kept beside the calibration."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from robustness.errors import CorruptFileError
from robustness.prediction.degradation import embeddings
from robustness.prediction.degradation.embeddings import Embeddings
from robustness.prediction.degradation.wordings import FOREIGN, Known
from robustness.types import FloatArray

PLACES = {
    "Where is she?": 0.0, "Which room is it?": 10.0, "Name the place.": 20.0, "Say where.": 30.0,
    "Is it good?": 90.0, "Write a poem.": 180.0, "Who won?": 170.0,
}
"""Text -> direction of its embedding in degrees."""
KNOWN = [
    Known(text=text, task=task, id=text)
    for text, task in zip(
        PLACES, ["place", "place", "place", "place", "polarity", FOREIGN, FOREIGN], strict=True
    )
]


def embed(texts: Sequence[str]) -> FloatArray:
    angles = np.radians([PLACES.get(t, 5.0) for t in texts])
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def alike(text: str, *others: str) -> float:
    """Mean cosine of a text's embedding and the others', without the mean of the known ones."""
    mean = embed(list(PLACES)).mean(0)
    rows = embed([text, *others]) - mean
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return float((rows[1:] @ rows[0]).mean())


def test_a_new_wording_is_compared_with_its_task_with_others_and_with_foreign_texts() -> None:
    made = Embeddings(KNOWN, embeddings.encoded(KNOWN, embed), embed)
    new = "In what room?"
    found = made.features(new, "place")
    nearest = alike(new, "Where is she?")
    few = alike(new, "Where is she?", "Which room is it?", "Name the place.")
    wanted = [
        nearest, few, nearest - max(alike(new, "Who won?"), alike(new, "Write a poem.")),
        few - alike(new, "Who won?", "Write a poem."), nearest - alike(new, "Is it good?"),
    ]
    assert found == pytest.approx(wanted, abs=2e-3)
    assert len(found) == len(embeddings.NAMES)
    # Where no task is given, every valid wording is its own.
    assert made.features("Is it good?", None)[[0, 4]] == pytest.approx([1, 0], abs=2e-3)


def test_a_known_wording_is_left_out_where_it_is_asked_for() -> None:
    made = Embeddings(KNOWN, embeddings.encoded(KNOWN, embed), embed)
    assert made.features("Where is she?", "place")[0] == pytest.approx(1, abs=1e-3)
    left = made.features("Where is she?", "place", {"Where is she?"})
    assert left[0] == pytest.approx(alike("Where is she?", "Which room is it?"), abs=2e-3)
    assert made.features("Is it good?", "polarity", {"Is it good?"})[0] == 0


def test_embeddings_are_kept_and_checked_when_they_are_read(tmp_path: Path) -> None:
    vectors = embeddings.encoded(KNOWN, embed)
    wanted = embeddings.digest(vectors)
    beside = tmp_path / "original"
    beside.mkdir()
    with pytest.raises(CorruptFileError, match=r"is missing.*calibrate --encoder"):
        embeddings.load(beside, KNOWN, wanted, embed)
    path = embeddings.save(vectors, beside)
    read = embeddings.load(beside, KNOWN, wanted, embed)
    assert read is not None
    np.testing.assert_array_equal(
        read.features("In what room?", "place"),
        Embeddings(KNOWN, vectors, embed).features("In what room?", "place"),
    )
    # Where they lay before models had one file for all their calibrations.
    path.rename(beside / "wordings.safetensors")
    assert embeddings.load(beside, KNOWN, wanted, embed) is not None
    path = embeddings.save(vectors, beside)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorruptFileError, match="does not have the hash"):
        embeddings.load(beside, KNOWN, wanted, embed)
    path.write_bytes(data[:20])
    with pytest.raises(CorruptFileError, match="is damaged"):
        embeddings.load(beside, KNOWN, wanted, embed)


def test_models_keep_no_embeddings_that_no_calibration_needs(tmp_path: Path) -> None:
    vectors = embeddings.encoded(KNOWN, embed)
    paths = [embeddings.save(v, tmp_path / "original") for v in (vectors, vectors[:2])]
    assert paths == [embeddings.save(v, tmp_path / "pt-kl") for v in (vectors, vectors[:2])]
    embeddings.prune(tmp_path / "pt-kl", [embeddings.digest(vectors)])
    assert [path.is_file() for path in paths] == [True, False]


@pytest.mark.parametrize("turned", [
    lambda texts: embed(texts)[:, ::-1], lambda texts: np.pad(embed(texts), ((0, 0), (0, 1))),
])
def test_another_encoder_of_the_same_name_is_not_used(
    turned: embeddings.Embed, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    vectors = embeddings.encoded(KNOWN, embed)
    embeddings.save(vectors, tmp_path)
    with caplog.at_level(logging.WARNING):
        assert embeddings.load(tmp_path, KNOWN, embeddings.digest(vectors), turned) is None
    assert "is not the one" in caplog.text
