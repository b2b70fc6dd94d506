"""How far instructions lie from the observed ones, and where: distances and two-dimensional maps.

Refuses to know accuracies. An instruction's representation on a task is the mean over its inputs
(PAPER, Words); distances are L2, zero-shot.
"""

from collections.abc import Sequence

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from robustness.evaluation.study.cells import Cells
from robustness.evaluation.study.values import Map, MapPoint
from robustness.types import Instruction

_FEWEST = 3
_FEWEST_TSNE = 5
_PERPLEXITY = 30.0


def nearest(cells: Cells) -> dict[str, tuple[float, str]]:
    """Instruction -> distance to the nearest other observed one, and its id; absent: none."""
    observed = [n for n, i in enumerate(cells.instructions) if i.observed]
    if cells.vectors is None or not observed:
        return {}
    vectors = cells.vectors.astype(np.float64)
    gaps = np.linalg.norm(vectors[:, None, :] - vectors[None, observed, :], axis=2)
    made = {}
    for n, instruction in enumerate(cells.instructions):
        row = [np.inf if m == n else gap for m, gap in zip(observed, gaps[n], strict=True)]
        best = int(np.argmin(row))
        if np.isfinite(row[best]):
            made[instruction.id] = (float(row[best]), cells.instructions[observed[best]].id)
    return made


def project(cells: Cells, *, seed: int) -> Map | None:
    """PCA and t-SNE of a task's instructions; None below three, or where all lie in one place.

    Args:
        cells: Zero-shot.
        seed: Of t-SNE.
    """
    if cells.vectors is None or len(cells.vectors) < _FEWEST:
        return None
    vectors = cells.vectors.astype(np.float64)
    if not np.ptp(vectors, axis=0).any():
        return None
    pca = PCA(n_components=2, svd_solver="full")
    flat = pca.fit_transform(vectors)
    curved = None
    if len(vectors) >= _FEWEST_TSNE:
        perplexity = min(_PERPLEXITY, (len(vectors) - 1) / 3.0)
        curved = TSNE(n_components=2, perplexity=perplexity, init="pca", random_state=seed)
        curved = curved.fit_transform(vectors)
    return Map(
        model=cells.model, task=cells.task.id,
        explained=float(pca.explained_variance_ratio_.sum()),
        points=_points(cells.instructions, flat, curved),
    )


def _points(
    instructions: Sequence[Instruction], flat: np.ndarray, curved: np.ndarray | None
) -> tuple[MapPoint, ...]:
    return tuple(
        MapPoint(
            instruction_id=instruction.id, observed=instruction.observed,
            pca=(float(flat[n, 0]), float(flat[n, 1])),
            tsne=None if curved is None else (float(curved[n, 0]), float(curved[n, 1])),
        )
        for n, instruction in enumerate(instructions)
    )
