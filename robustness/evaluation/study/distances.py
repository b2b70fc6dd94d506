"""Distances between instructions' representations, and two-dimensional maps of them.

An instruction's representation on a task is the mean over the task's inputs, zero-shot; distances
are L2.
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
    """Instruction id -> distance to the nearest other observed instruction, and its id.

    Args:
        cells: Zero-shot answers with representations.

    Returns:
        Empty where there are no representations or no observed instructions.
    """
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
    """Projects a task's instructions to two dimensions by PCA and t-SNE.

    Args:
        cells: Zero-shot answers with representations.
        seed: Seed of t-SNE.

    Returns:
        None for fewer than three instructions, or where all representations are equal.
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
