"""Predicts one instruction and places it on a map of the task's observed instructions.

The map is the plane of the two principal components of the observed representations of one task.
Distances are taken in the full space; only the drawing is flat.
"""

from dataclasses import dataclass

import numpy as np

from robustness.index.observed_index import TaskIndex, inputs_of
from robustness.prediction.catalog import Catalog
from robustness.prediction.predictor import Predictor
from robustness.prediction.query import Query
from robustness.types import FloatArray, Prediction


@dataclass(frozen=True, slots=True, kw_only=True)
class WordingMap:
    """The observed instructions of a task and one more as points of a plane."""

    ids: tuple[str, ...]
    points: tuple[tuple[float, float], ...]
    """Coordinates of the observed instructions, in the order of `ids`, in units of the space."""
    own: tuple[float, float]
    """Coordinates of the instruction that was asked for."""
    kept: float
    """Share of the observed instructions' variance that the plane keeps, in [0, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A prediction with what it is compared with."""

    prediction: Prediction
    observed_accuracy: float | None
    """Mean accuracy of the task's observed instructions in points; None where unmeasured."""
    place: WordingMap | None
    """None without a task of the index, or with fewer than three observed instructions."""


def plane(vectors: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """The plane of the two principal components of points.

    Args:
        vectors: (I, D) float32, I at least 3.

    Returns:
        The points' mean (D,), the two directions (2, D), both float32, and the share of variance
        that the plane keeps.
    """
    middle = vectors.mean(axis=0)
    # Singular vectors of the centred points are the principal directions, largest variance first.
    _, sizes, directions = np.linalg.svd(vectors - middle, full_matrices=False)
    total = float((sizes**2).sum())
    kept = float((sizes[:2] ** 2).sum()) / total if total > 0 else 1.0
    return middle, directions[:2], kept


def _placed(part: TaskIndex, vector: FloatArray) -> WordingMap | None:
    """The map of a task's observed instructions with one more vector, (D,) float32."""
    vectors = part.space.vectors
    if len(vectors) < 3:
        return None
    middle, directions, kept = plane(vectors)
    flat = (vectors - middle) @ directions.T
    own = (vector - middle) @ directions.T
    return WordingMap(
        ids=part.space.ids, points=tuple((float(x), float(y)) for x, y in flat),
        own=(float(own[0]), float(own[1])), kept=kept,
    )


def predict(
    query: Query, catalog: Catalog, *, model: str | None = None, k: int = 5, probe: int = 0,
    labelled: int = 0,
) -> Placed:
    """The prediction of `predictor.predict`, from the same readings as the place on the map.

    Args: As `predictor.predict`.

    Raises: As `predictor.predict`.
    """
    predictor = Predictor(catalog, model, k)
    wanted = predictor.wanted(query, probe=probe, labelled=labelled)
    readings = predictor.read(query, wanted) if wanted else None
    made = predictor.predict(query, readings, labelled=labelled)
    index = catalog.index(model)
    part = index.tasks.get(query.task.id) if query.task is not None else None
    if part is None or query.task is None or readings is None:
        return Placed(prediction=made, observed_accuracy=None, place=None)
    mean = part.mean_accuracy
    inputs = len(inputs_of(query.task, index.recipe))
    return Placed(
        prediction=made, observed_accuracy=None if mean is None else mean * 100.0,
        place=_placed(part, readings.mean(inputs)[0]),
    )
