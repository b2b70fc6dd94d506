"""Accuracy of an instruction from its text and from instructions measured already.

For models whose hidden states nobody can read: the representation is one of the text. A Gaussian
process over a sum of kernels (character and word TF-IDF, first and last words, format), with
weights by marginal likelihood shared between the models of a task, and intervals by the jackknife
over clusters: conformal quantiles of residuals that leave whole clusters of near-duplicates out.

Refuses to know models and tasks: one task's texts and accuracies come in.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.spatial.distance import cdist, pdist
from sklearn.feature_extraction.text import TfidfVectorizer

from robustness.errors import InputError
from robustness.prediction.degradation import conformal
from robustness.stats import near_duplicates
from robustness.types import FloatArray

Floats = npt.NDArray[np.float64]
MINIMUM = 8
"""Measured instructions below which nothing is fitted."""
_TOKENS = r"\w+|[^\w\s]"
_WORDS = rf"{_TOKENS}|\n"
_EDGE = 4
"""Words at either end of an instruction that are a view of their own."""
_NOISE = 0.4
_PRIOR = 0.1
"""Precision of the Gaussian prior on the logarithms of the weights, around equal weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimates:
    """Accuracies of K instructions on M models, in points (0 to 100)."""

    value: Floats
    """(K, M)."""
    low: Floats
    high: Floats
    distance: Floats
    """(K,) cosine distance of character TF-IDF to the nearest measured instruction."""
    in_support: npt.NDArray[np.bool_]
    """(K,); False: farther than any measured cluster is from the others."""


def _edges(texts: Sequence[str], cut: slice) -> list[str]:
    return [
        " ".join("NEWLINE" if w == "\n" else w for w in re.findall(_WORDS, t)[cut]) for t in texts
    ]


def format_features(texts: Sequence[str]) -> Floats:
    """(N, 15) what an instruction looks like: lengths, lines, placeholders, marks and cues."""
    rows = []
    for text in texts:
        length, body = max(1, len(text)), text.rstrip()
        at = [m.start() / length for m in re.finditer(r"\{", text)]
        rows.append(
            [
                np.log1p(len(text)),
                np.log1p(len(text.split())),
                text.count("\n"),
                at[0] if at else -1.0,
                at[-1] if at else -1.0,
                len(at),
                body.endswith(":"),
                body.endswith("?"),
                body.endswith("."),
                body.endswith("}"),
                "?" in text,
                text.count('"'),
                text.count(","),
                text.startswith("Q:"),
                "A:" in text,
            ]
        )
    return np.array(rows, dtype=np.float64)


Embed = Callable[[Sequence[str]], FloatArray]
"""Texts -> (N, D) sentence embeddings."""


class Views:
    """Similarities between instructions, each in [0, 1], fitted on the measured ones."""

    def __init__(self, texts: Sequence[str], embed: Embed | None = None) -> None:
        """Learns vocabularies and scales.

        Args:
            texts: Measured instructions.
            embed: A sentence encoder, for one view more.
        """
        self._embed = embed
        if embed is not None:
            apart = pdist(embed(texts))
            self._width = float(np.median(apart)) if len(apart) and np.median(apart) > 0 else 1.0
        self._texts = [
            (
                TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True),
                slice(None),
            ),
            (
                TfidfVectorizer(ngram_range=(1, 2), token_pattern=_TOKENS, sublinear_tf=True),
                slice(None),
            ),
            (TfidfVectorizer(token_pattern=_TOKENS), slice(None, _EDGE)),
            (TfidfVectorizer(token_pattern=_TOKENS), slice(-_EDGE, None)),
        ]
        for vectorizer, cut in self._texts:
            vectorizer.fit([*self._cut(texts, cut), "NEWLINE"])
        looks = format_features(texts)
        self._centre, scale = looks.mean(0), looks.std(0)
        self._scale = np.where(scale > 0, scale, 1.0)

    @staticmethod
    def _cut(texts: Sequence[str], cut: slice) -> list[str]:
        return list(texts) if cut == slice(None) else _edges(texts, cut)

    def similarity(self, left: Sequence[str], right: Sequence[str]) -> Floats:
        """(V, L, R): one matrix a view; the first is character TF-IDF."""
        views = []
        for vectorizer, cut in self._texts:
            a = vectorizer.transform(self._cut(left, cut))
            b = vectorizer.transform(self._cut(right, cut))
            views.append((a @ b.T).toarray())
        a, b = (
            np.clip((format_features(t) - self._centre) / self._scale, -4, 4) for t in (left, right)
        )
        squared = ((a[:, None, :] - b[None, :, :]) ** 2).mean(-1)
        views.append(np.exp(-squared / 2))
        if self._embed is not None:
            apart = cdist(self._embed(left), self._embed(right)) / self._width
            views.append(np.exp(-(apart**2) / 2))
        return np.array(views)


def _objective(theta: Floats, start: Floats, views: Floats, y: Floats) -> tuple[float, Floats]:
    """Negative log marginal likelihood of the columns of y, and its gradient in theta."""
    weights = np.exp(theta)
    covariance = np.tensordot(weights[:-1], views, 1) + weights[-1] * np.eye(len(y))
    lower = np.linalg.cholesky(covariance)
    inverse = cho_solve((lower, True), np.eye(len(y)))
    alpha = inverse @ y
    value = 0.5 * float((y * alpha).sum()) + y.shape[1] * float(np.log(np.diag(lower)).sum())
    slope = y.shape[1] * inverse - alpha @ alpha.T
    gradient = 0.5 * np.array([*[(slope * view).sum() for view in views], np.trace(slope)])
    away = theta - start
    return value + 0.5 * _PRIOR * float(away @ away), gradient * weights + _PRIOR * away


def _weights(views: Floats, y: Floats) -> Floats:
    """(V + 1,) weights of the views and of the noise, by maximum a posteriori."""
    start = np.log(np.array([*[1.0 / len(views)] * len(views), _NOISE]))
    limits = [(-9.0, 3.0)] * len(views) + [(-5.0, 3.0)]
    found = minimize(
        _objective, start, args=(start, views, y), jac=True, method="L-BFGS-B", bounds=limits,
        options={"maxiter": 50},
    )
    return np.asarray(np.exp(found.x))


def _left_out(
    inverse: Floats, alpha: Floats, groups: npt.NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """(N,) residuals and standard deviations with the row's whole cluster left out."""
    residuals = np.empty_like(alpha)
    deviations = np.empty(len(alpha))
    for name in np.unique(groups):
        rows = np.flatnonzero(groups == name)
        block = np.linalg.inv(inverse[np.ix_(rows, rows)])
        residuals[rows] = block @ alpha[rows]
        deviations[rows] = np.sqrt(np.diag(block))
    return residuals, deviations


class TextPredictor:
    """Predicts accuracies on one task from instructions that were measured on it."""

    def __init__(
        self,
        texts: Sequence[str],
        accuracies: Floats,
        *,
        coverage: float = 0.9,
        embed: Embed | None = None,
    ) -> None:
        """Fits.

        Args:
            texts: (N,) measured instructions of one task.
            accuracies: (N, M) in points, NaN where a model was not measured.
            coverage: Nominal, of the intervals.
            embed: A sentence encoder, for one view more.

        Raises:
            InputError: Fewer than `MINIMUM` instructions, fewer than two clusters of them, or a
                model without a measurement.
        """
        accuracies = np.asarray(accuracies, dtype=np.float64)
        if len(texts) < MINIMUM:
            raise InputError(
                f"a prediction from texts needs at least {MINIMUM} measured instructions of the "
                f"task, found {len(texts)}"
            )
        if np.isnan(accuracies).all(0).any():
            raise InputError("a model has no measurement at all on this task")
        self._known = list(texts)
        # (N,) clusters of near-duplicates.
        self.groups = near_duplicates.clusters(texts)
        if len(np.unique(self.groups)) < 2:
            raise InputError(
                "all measured instructions are near-duplicates of one another: there is nothing "
                "to calibrate intervals on"
            )
        self._coverage = coverage
        self._mean = np.nanmean(accuracies, 0)
        spread = np.nanstd(accuracies, 0)
        self._scale = np.where(spread > 0, spread, 1.0)
        self._standard = (accuracies - self._mean) / self._scale
        self._views = Views(texts, embed)
        similarity = self._views.similarity(texts, texts)
        outside = self.groups[:, None] != self.groups[None, :]
        self._farthest = float(1.0 - np.where(outside, similarity[0], 0.0).max(1).min())
        other = similarity[0] - np.eye(len(similarity[0]))
        self.apart: Floats = 1.0 - other.max(1)
        """(N,) each measured instruction's distance to its nearest other."""
        self._weights = _weights(similarity, np.nan_to_num(self._standard))
        self._covariance = np.tensordot(self._weights[:-1], similarity, 1)
        self._inverses: list[Floats] = []
        self._residuals = np.full_like(accuracies, np.nan)
        self._deviations = np.full_like(accuracies, np.nan)
        self._solve()

    def _solve(self) -> None:
        """Inverse covariances, and residuals with each row's cluster left out, by model."""
        done: dict[bytes, Floats] = {}
        for model in range(len(self._mean)):
            rows = ~np.isnan(self._standard[:, model])
            if rows.tobytes() not in done:
                noisy = self._covariance[np.ix_(rows, rows)] + self._weights[-1] * np.eye(
                    int(rows.sum())
                )
                done[rows.tobytes()] = cho_solve(cho_factor(noisy), np.eye(len(noisy)))
            inverse = done[rows.tobytes()]
            alpha = inverse @ self._standard[rows, model]
            residuals, deviations = _left_out(inverse, alpha, self.groups[rows])
            self._inverses.append(inverse)
            self._residuals[rows, model] = residuals
            self._deviations[rows, model] = deviations

    @property
    def task_mean(self) -> Floats:
        """(M,) mean accuracy of the measured instructions, in points."""
        return np.asarray(self._mean)

    @property
    def left_out(self) -> Floats:
        """(N, M) estimates of the measured accuracies, each without its cluster, in points."""
        return np.asarray((self._standard - self._residuals) * self._scale + self._mean)

    @property
    def left_out_error(self) -> float:
        """Mean absolute error in points with each row's whole cluster left out."""
        return float(np.nanmean(np.abs(self._residuals) * self._scale))

    @property
    def left_out_error_mean(self) -> float:
        """The same of predicting the mean of the other clusters."""
        errors = []
        for name in np.unique(self.groups):
            inside = self.groups == name
            mean = np.nanmean(self._standard[~inside], 0)
            errors.append(np.abs(self._standard[inside] - mean) * self._scale)
        return float(np.nanmean(np.concatenate(errors)))

    def distances(self, texts: Sequence[str]) -> Floats:
        """(K, N) cosine distances of character TF-IDF to the measured instructions."""
        return np.asarray(1.0 - self._views.similarity(texts, self._known)[0])

    def predict(self, texts: Sequence[str], *, others: Floats | None = None) -> Estimates:
        """Accuracies of new instructions.

        Args:
            texts: (K,) instructions.
            others: (K, M) what was measured of them, NaN where nothing was: what other models
                reach enters a model's estimate, its own column never does.
        """
        across = self._views.similarity(texts, self._known)
        cross = np.tensordot(self._weights[:-1], across, 1)
        prior, noise = float(np.diag(self._covariance).mean()), self._weights[-1]
        value, deviation = (np.empty((len(texts), len(self._mean))) for _ in range(2))
        for model, inverse in enumerate(self._inverses):
            rows = ~np.isnan(self._standard[:, model])
            to = cross[:, rows]
            value[:, model] = to @ (inverse @ self._standard[rows, model])
            explained = np.einsum("ij,jk,ik->i", to, inverse, to)
            deviation[:, model] = np.sqrt(np.maximum(prior + noise - explained, noise))
        residuals, deviations = self._residuals, self._deviations
        if others is not None:
            surprise = (others - self._mean) / self._scale - value
            moved, residuals = self._transfer(surprise)
            value = value + moved
        multiple = [
            self._multiple(residuals[:, m], deviations[:, m]) for m in range(len(self._mean))
        ]
        half = deviation * multiple * self._scale
        value = value * self._scale + self._mean
        distance = 1.0 - across[0].max(1)
        return Estimates(
            value=np.clip(value, 0.0, 100.0),
            low=np.clip(value - half, 0.0, 100.0),
            high=np.clip(value + half, 0.0, 100.0),
            distance=distance,
            in_support=distance <= self._farthest,
        )

    def _multiple(self, residuals: Floats, deviations: Floats) -> float:
        """The conformal quantile of residuals in units of their own deviation.

        Rows of a cluster are not exchangeable with one another, so the finite-sample correction
        counts clusters, not rows.
        """
        rows = ~np.isnan(residuals)
        scores = np.abs(residuals[rows]) / deviations[rows]
        clusters = len(np.unique(self.groups[rows]))
        level = min(1.0, self._coverage * (1.0 + 1.0 / clusters))
        return float(np.quantile(scores, level, method="higher"))

    def _transfer(self, surprise: Floats) -> tuple[Floats, Floats]:
        """What other models' departures from their own estimates say of a model's.

        Returns:
            (K, M) to add to the estimates, and (N, M) residuals after it, cross-fitted by cluster.
        """
        held_out = conformal.splits(self.groups, 10, seed=0)
        known = np.nan_to_num(self._residuals)
        penalties = len(known) * np.array([0.1, 0.3, 1.0, 3.0, 10.0, 30.0, np.inf])
        fitted = [_departures(known, held_out, p) for p in penalties]
        errors = [np.nanmean(np.abs(self._residuals - f)) for f in fitted]
        best = int(np.argmin(errors))
        moved = np.nan_to_num(surprise) @ _coefficients(known, penalties[best])
        return moved, self._residuals - fitted[best]


def _coefficients(residuals: Floats, penalty: float) -> Floats:
    """(M, M) ridge weights of every model on the others; the diagonal is zero."""
    models = residuals.shape[1]
    weights = np.zeros((models, models))
    if np.isinf(penalty):
        return weights
    for model in range(models):
        others = np.delete(np.arange(models), model)
        x = residuals[:, others]
        weights[others, model] = np.linalg.solve(
            x.T @ x + penalty * np.eye(len(others)), x.T @ residuals[:, model]
        )
    return weights


def _departures(residuals: Floats, held_out: Sequence[conformal.Split], penalty: float) -> Floats:
    """(N, M) what the others say of each residual, by weights that saw nothing of its cluster."""
    said = np.empty_like(residuals)
    for others, rows in held_out:
        said[rows] = residuals[rows] @ _coefficients(residuals[others], penalty)
    return said
