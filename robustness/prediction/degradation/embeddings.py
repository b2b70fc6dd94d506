"""Compares the wording of an instruction with known instructions by a sentence encoder.

The known wordings' embeddings are kept in the folder of the model's indexes, a file for all
calibrations that know the same wordings, so that only new texts are encoded. Does not judge; see
`support.py`.
"""

import hashlib
import logging
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from robustness.errors import CorruptFileError
from robustness.models.sentence_encoder import Embed
from robustness.prediction.degradation.wordings import FOREIGN, Floats, Known
from robustness.storage import files
from robustness.types import FloatArray

_OLD_FILE = "wordings.safetensors"
"""Beside the calibration, where 0.2.0 kept it before it was shared."""
NAMES = (
    "similarity to the nearest of the task's wordings", "to the three nearest",
    "the nearest less the nearest foreign text", "the three nearest less three foreign ones",
    "the nearest less that of other tasks",
)
"""What `Embeddings.features` gives, in order: cosines of what is left without the mean of the known
wordings, since embeddings of all texts point in much the same direction."""
_FEW = 3
_LEAST = 1e-6
"""Least length that an embedding without the mean is divided by."""
_SAME = 0.99
"""Least cosine of a text's embedding and the one that was kept, if the encoder is the same."""
_logger = logging.getLogger(__name__)


Kept = npt.NDArray[np.float16]
"""(N, D) embeddings of known wordings, as they are kept."""


class Embeddings:
    """The embeddings of known wordings, and the encoder of new ones."""

    def __init__(self, known: Sequence[Known], vectors: Kept, embed: Embed) -> None:
        """Takes the known wordings.

        Args:
            known: The wordings.
            vectors: Their embeddings, see `encoded`.
            embed: The encoder that they come from.
        """
        full = vectors.astype(np.float32)
        self._mean = full.mean(0)
        self._vectors = self._directions(full)
        self._row = {k.text: n for n, k in enumerate(known)}
        self._owner = np.array([k.task for k in known])
        self._ids = np.array([k.id for k in known])
        self._embed = embed

    def features(self, text: str, task: str | None, without: Collection[str] = ()) -> Floats:
        """The features of one wording, (5,): see `NAMES`.

        Args: As `Wordings.features`.
        """
        row = self._row.get(text)
        mine = self._directions(self._embed([text]))[0] if row is None else self._vectors[row]
        alike = self._vectors @ mine
        kept = ~np.isin(self._ids, list(without))
        foreign = kept & (self._owner == FOREIGN)
        valid = kept & (self._owner != FOREIGN)
        own = valid if task is None else valid & (self._owner == task)
        best, few = (_nearest(alike[own], n) for n in (1, _FEW))
        return np.array([
            best, few, best - _nearest(alike[foreign], 1), few - _nearest(alike[foreign], _FEW),
            best - _nearest(alike[valid & ~own], 1) if task is not None else 0.0,
        ])

    def _directions(self, vectors: FloatArray) -> FloatArray:
        """(N, D) embeddings without the mean, of length 1."""
        left: FloatArray = vectors - self._mean
        left /= np.maximum(np.linalg.norm(left, axis=1, keepdims=True), _LEAST)
        return left


def _nearest(alike: FloatArray, count: int) -> float:
    """Mean of the highest similarities; 0 where there are none."""
    return float(np.sort(alike)[-count:].mean()) if alike.size else 0.0


def encoded(known: Sequence[Known], embed: Embed) -> Kept:
    """(N, D) embeddings of the known wordings."""
    return embed([k.text for k in known]).astype(np.float16)


def digest(vectors: Kept) -> str:
    """SHA-256 of embeddings in hexadecimal."""
    return hashlib.sha256(vectors.tobytes()).hexdigest()


def path_of(folder: Path, wanted: str) -> Path:
    """The file of embeddings for the calibration in a folder.

    Args:
        folder: The folder of the calibration.
        wanted: What `digest` gave.
    """
    return folder.parent / f"wordings-{wanted[:16]}.safetensors"


def save(vectors: Kept, folder: Path) -> Path:
    """Writes the embeddings for the calibration in a folder."""
    path = path_of(folder, digest(vectors))
    with files.atomic_path(path) as temporary:
        save_file({"vectors": vectors}, temporary)
    return path


def prune(folder: Path, wanted: Collection[str]) -> None:
    """Deletes the embeddings of a model that none of its calibrations needs.

    Args:
        folder: The folder of one of its calibrations.
        wanted: What `digest` gave for those that are needed.
    """
    needed = {path_of(folder, one) for one in wanted}
    for path in folder.parent.glob("wordings-*.safetensors"):
        if path not in needed:
            path.unlink(missing_ok=True)


def load(folder: Path, known: Sequence[Known], wanted: str, embed: Embed) -> Embeddings | None:
    """Reads the embeddings of known wordings.

    Args:
        folder: The folder of the calibration.
        known: The wordings, in the order of `encoded`.
        wanted: What `digest` gave.
        embed: The encoder.

    Returns:
        None where the encoder gives other embeddings, so that it is not the one that was used.

    Raises:
        CorruptFileError: The file is missing, or is not the one that was written.
    """
    path = path_of(folder, wanted)
    if not path.is_file() and (folder / _OLD_FILE).is_file():
        path = folder / _OLD_FILE
    again = "calibrate again with: python -m robustness calibrate --encoder NAME"
    if not path.is_file():
        raise CorruptFileError(f"{path} is missing, but the calibration needs it; {again}")
    try:
        vectors: Kept = load_file(path)["vectors"]
    except (SafetensorError, KeyError, OSError) as error:
        raise CorruptFileError(f"{path} is damaged ({error}); {again}") from error
    if digest(vectors) != wanted or len(vectors) != len(known):
        raise CorruptFileError(f"{path} does not have the hash in the calibration; {again}")
    now = embed([known[0].text])[0]
    if now.shape != vectors.shape[1:] or float(now @ vectors[0].astype(np.float32)) < _SAME:
        _logger.warning(
            "the sentence encoder on this machine is not the one that %s was made with; wordings "
            "are compared by words and characters alone", path,
        )
        return None
    return Embeddings(known, vectors, embed)
