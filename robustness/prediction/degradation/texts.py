"""Predicts the accuracy of an instruction from its text, by a Gaussian process over instructions.

For black-box models, whose hidden states cannot be read. Given are N instructions of one task with
accuracies on M models.

Kernel. The covariance of two instructions is a weighted sum of similarities, one for each view of
the text (V views: TF-IDF of characters, of words, of the first and of the last words, a Gaussian
kernel on format features, and on sentence embeddings where an encoder is given):

    K = sum over v of w_v S_v,   y ~ N(0, K + w_noise I),   K and S_v of shape (N, N)

where y (N,) are standardised accuracies. A sum of positive semidefinite similarities with positive
weights is again a kernel. The weights are fitted once for all models of the task, by maximising the
marginal likelihood of y plus a weak prior around equal weights (`_objective`).

Prediction. With C = K + w_noise I and k (N,) the covariances of a new instruction with the measured
ones, its accuracy is predicted as k C^-1 y, with variance K_new + w_noise - k C^-1 k.

Leaving clusters out. For a set of rows g, the residual of predicting y_g from all other rows is
(C^-1_gg)^-1 (C^-1 y)_g, and its covariance is (C^-1_gg)^-1: two blocks of the same inverse, so that
no refitting is needed (`_left_out`). Whole clusters of near-duplicates are left out, since a
near-duplicate would predict an instruction almost perfectly.

Intervals. The jackknife over clusters: |residual| / standard deviation of every measured row gives
a list of scores; their conformal quantile, times the standard deviation of the new prediction, is
the half-width (`TextPredictor._multiple`). This holds also where the variance of the Gaussian
process is wrong.

Transfer. Where other models were measured under the new instruction itself, a ridge regression
carries their departure from prediction over to this model (`TextPredictor._transfer`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

from robustness.errors import InputError
from robustness.models.sentence_encoder import Embed
from robustness.prediction.degradation.conformal import Split
from robustness.prediction.degradation.folds import splits
from robustness.prediction.degradation.text_views import Floats, Views
from robustness.stats import near_duplicates

MINIMUM = 8
"""Least number of measured instructions."""
_NOISE = 0.4
"""Initial weight of the noise."""
_PRIOR = 0.1
"""Precision of the Gaussian prior on the logarithms of the weights, around the initial ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimates:
    """Predicted accuracies of K instructions on M models, in points (0 to 100)."""

    value: Floats
    """(K, M)."""
    low: Floats
    high: Floats
    distance: Floats
    """(K,) cosine distance of character TF-IDF to the nearest measured instruction."""
    in_support: npt.NDArray[np.bool_]
    """(K,); False: farther than any measured instruction is from those outside its cluster."""


def _objective(theta: Floats, start: Floats, views: Floats, y: Floats) -> tuple[float, Floats]:
    """Negative log posterior of the log weights theta (V + 1,), and its gradient.

    For each column of y (N, M) the negative log marginal likelihood is
    y C^-1 y / 2 + log det C / 2, with C = sum w_v S_v + w_noise I and w = exp(theta). With
    alpha = C^-1 y its derivative by a weight is tr((C^-1 - alpha alpha^T) dC/dw) / 2, where dC/dw
    is the view S_v, or I for the noise. The last terms are the Gaussian prior around `start`.
    """
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
    """(V + 1,) weights of the views and of the noise at the maximum of the posterior."""
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
    """(N,) residuals and standard deviations, each with the row's whole cluster left out.

    Args:
        inverse: C^-1, (N, N).
        alpha: C^-1 y, (N,).
        groups: (N,) clusters.
    """
    residuals = np.empty_like(alpha)
    deviations = np.empty(len(alpha))
    for name in np.unique(groups):
        rows = np.flatnonzero(groups == name)
        block = np.linalg.inv(inverse[np.ix_(rows, rows)])
        residuals[rows] = block @ alpha[rows]
        deviations[rows] = np.sqrt(np.diag(block))
    return residuals, deviations


class TextPredictor:
    """Predicts accuracies on one task from instructions measured on it, for M models at once."""

    def __init__(
        self,
        texts: Sequence[str],
        accuracies: Floats,
        *,
        coverage: float = 0.9,
        embed: Embed | None = None,
    ) -> None:
        """Fits the Gaussian process.

        Args:
            texts: The N measured instructions of one task.
            accuracies: (N, M) in points, NaN where a model was not measured.
            coverage: Nominal coverage of the intervals.
            embed: A sentence encoder, which adds one view.

        Raises:
            InputError: There are fewer than `MINIMUM` instructions, fewer than two clusters of
                them, or a model has no measurement.
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
        """(N,) distance of each measured instruction to the nearest other one."""
        self._weights = _weights(similarity, np.nan_to_num(self._standard))
        self._covariance = np.tensordot(self._weights[:-1], similarity, 1)
        self._inverses: list[Floats] = []
        self._residuals = np.full_like(accuracies, np.nan)
        self._deviations = np.full_like(accuracies, np.nan)
        self._solve()

    def _solve(self) -> None:
        """Computes C^-1 and the leave-cluster-out residuals of each model's measured rows."""
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
    def left_out(self) -> Floats:
        """(N, M) leave-cluster-out estimates of the measured accuracies, in points."""
        return np.asarray((self._standard - self._residuals) * self._scale + self._mean)

    @property
    def left_out_error(self) -> float:
        """Mean absolute error of the leave-cluster-out estimates, in points."""
        return float(np.nanmean(np.abs(self._residuals) * self._scale))

    @property
    def left_out_error_mean(self) -> float:
        """Mean absolute error of predicting the mean of the other clusters, in points."""
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
        """Predicts the accuracies of new instructions.

        Args:
            texts: The K instructions.
            others: (K, M) accuracies of other models under these instructions, NaN where not
                measured. A model's prediction uses the other columns, never its own.
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
        """The conformal quantile of |residual| / standard deviation over the measured rows.

        The rows of one cluster are not independent, so the finite-sample correction 1 + 1/n uses
        the number of clusters for n, not that of rows.
        """
        rows = ~np.isnan(residuals)
        scores = np.abs(residuals[rows]) / deviations[rows]
        clusters = len(np.unique(self.groups[rows]))
        level = min(1.0, self._coverage * (1.0 + 1.0 / clusters))
        return float(np.quantile(scores, level, method="higher"))

    def _transfer(self, surprise: Floats) -> tuple[Floats, Floats]:
        """Predicts a model's residual from the residuals of the other models, by ridge regression.

        The penalty is chosen by the cross-fitted error; an infinite one switches transfer off.

        Args:
            surprise: (K, M) standardised residuals of the new instructions, NaN where unknown.

        Returns:
            (K, M) to add to the standardised predictions, and (N, M) residuals of the measured
            rows after transfer, cross-fitted by cluster.
        """
        held_out = splits(self.groups, 10, seed=0)
        known = np.nan_to_num(self._residuals)
        penalties = len(known) * np.array([0.1, 0.3, 1.0, 3.0, 10.0, 30.0, np.inf])
        fitted = [_departures(known, held_out, p) for p in penalties]
        errors = [np.nanmean(np.abs(self._residuals - f)) for f in fitted]
        best = int(np.argmin(errors))
        moved = np.nan_to_num(surprise) @ _coefficients(known, penalties[best])
        return moved, self._residuals - fitted[best]


def _coefficients(residuals: Floats, penalty: float) -> Floats:
    """(M, M) ridge weights: column m predicts model m from the others; the diagonal is zero."""
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


def _departures(residuals: Floats, held_out: Sequence[Split], penalty: float) -> Floats:
    """(N, M) cross-fitted predictions of the residuals from those of the other models."""
    said = np.empty_like(residuals)
    for others, rows in held_out:
        said[rows] = residuals[rows] @ _coefficients(residuals[others], penalty)
    return said
