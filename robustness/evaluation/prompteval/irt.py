"""Item-response model of instructions and inputs, from a part of the cells.

P(Y_ij = 1) = sigmoid(theta_i + beta_j), theta_i = mu + x_i psi + u_i (Polo et al. 2024,
PromptEval): x_i are features of instruction i, u_i what they do not explain, beta_j how easy input
j is. psi and beta are Gaussian with variances by expectation-maximisation and Laplace's posterior.
u has no Gaussian shape (a task often has instructions that work and others that do not), so its
distribution is learned on a grid, by Gibbs sampling; what was not asked comes with its uncertainty.

Refuses to run a model: cells come in.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.special import expit, log_expit
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import StandardScaler

from robustness.errors import InputError
from robustness.prediction.degradation.texts import format_features
from robustness.stats.intervals import BoolArray

Floats = npt.NDArray[np.float64]
_ROUNDS = 25
_VAGUE = 1e-2
"""Precision of mu."""
_PRIOR_COUNT, _PRIOR_VARIANCE = 2.0, 0.5
"""An inverse-gamma prior on the variances, worth this many effects: none collapses to zero."""
_COMPONENTS = 8
_GRID = np.linspace(-6.0, 6.0, 41)
"""Values of u, logits."""
_SMOOTH = np.exp(-0.5 * np.arange(-3, 4) ** 2)
_CONCENTRATION = 1.0
"""Instructions that the Gaussian shape is worth as the prior of u's distribution."""
_BURN_IN = 50


def text_features(texts: list[str]) -> Floats:
    """(I, F) standardised features of instructions: character TF-IDF in a few dimensions, format.

    Args:
        texts: At least two instructions.
    """
    weights = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4)).fit_transform(texts)
    width = min(_COMPONENTS, len(texts) - 1, weights.shape[1] - 1)
    topics = TruncatedSVD(width, random_state=0).fit_transform(weights)
    made = StandardScaler().fit_transform(np.hstack([topics, format_features(texts)]))
    return np.asarray(made[:, made.std(0) > 0] / np.sqrt(made.shape[1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Posterior:
    """Laplace approximation around the maximum a posteriori."""

    mean: Floats
    """(P,) mu, psi, u, beta."""
    factor: Floats
    """(P, P) lower Cholesky factor of the precision."""
    features: Floats
    """(I, F)."""
    spread: float
    """Standard deviation of u."""
    asked: BoolArray
    """(I, J) cells that were seen."""
    correct: BoolArray
    """(I, J) whether their answer was right."""

    def _offsets(self, rng: np.random.Generator) -> Floats:
        """(I, J) a draw of theta_i + beta_j without u_i."""
        count, width = self.features.shape
        z = rng.standard_normal(len(self.mean))
        effects = self.mean + solve_triangular(self.factor.T, z, lower=False)
        fixed = effects[0] + self.features @ effects[1 : 1 + width]
        return np.asarray(fixed[:, None] + effects[1 + width + count :][None, :])

    def accuracies(self, draws: int, rng: np.random.Generator) -> Floats:
        """(S, I) accuracies over all inputs in [0, 1]: what was seen, and draws of what was not.

        Args:
            draws: S.
            rng: Where chance comes from.
        """
        rows, columns = np.nonzero(self.asked)
        starts = np.searchsorted(rows, np.arange(len(self.features)))
        idle = ~self.asked.any(1)
        sign = np.where(self.correct[rows, columns], 1.0, -1.0)[:, None]
        seen, missing = (self.asked & self.correct).sum(1), (~self.asked).sum(1)
        shape = np.exp(-0.5 * (_GRID / max(self.spread, 0.3)) ** 2)
        shape /= shape.sum()
        density = shape
        found = np.empty((draws, len(self.features)))
        for number in range(-_BURN_IN, draws):
            offsets = self._offsets(rng)
            terms = log_expit(sign * (offsets[rows, columns][:, None] + _GRID))
            likelihood = np.add.reduceat(terms, np.minimum(starts, len(terms) - 1), axis=0)
            likelihood[idle] = 0.0
            chances = likelihood + np.log(density)
            chances = np.exp(chances - chances.max(1, keepdims=True)).cumsum(1)
            level = rng.random(len(chances)) * chances[:, -1]
            at = (chances < level[:, None]).sum(1)
            counts = np.convolve(
                np.bincount(at, minlength=len(_GRID)), _SMOOTH / _SMOOTH.sum(), "same"
            )
            # A floor keeps every value possible: the logarithm is taken of it.
            density = rng.dirichlet(counts + _CONCENTRATION * shape + 1e-3) + 1e-9
            if number < 0:
                continue
            unseen = np.where(self.asked, 0.0, expit(offsets + _GRID[at][:, None]))
            # The sum of many Bernoulli draws, by its first two moments.
            deviation = np.sqrt((unseen * (1.0 - unseen)).sum(1))
            right = unseen.sum(1) + deviation * rng.standard_normal(len(at))
            found[number] = (seen + np.clip(right, 0.0, missing)) / self.asked.shape[1]
        return found


def _design(
    features: Floats, inputs: int, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]
) -> sparse.csr_matrix:
    cells, one = np.arange(len(rows)), np.ones(len(rows))
    return sparse.csr_matrix(sparse.hstack(
        [
            sparse.csr_matrix(one[:, None]),
            sparse.csr_matrix(features[rows]),
            sparse.csr_matrix((one, (cells, rows)), shape=(len(rows), len(features))),
            sparse.csr_matrix((one, (cells, columns)), shape=(len(rows), inputs)),
        ]
    ))


def fit(features: Floats, asked: BoolArray, correct: BoolArray) -> Posterior:
    """Fits the model to the cells that were asked.

    Args:
        features: (I, F) of the instructions; F may be 0, which leaves the Rasch model.
        asked: (I, J) bool.
        correct: (I, J) bool; looked at only where asked.

    Raises:
        InputError: The shapes differ, or nothing was asked.
    """
    count, inputs = asked.shape
    if asked.shape != correct.shape or len(features) != count:
        raise InputError(
            f"cells {asked.shape} and {correct.shape} and features {features.shape} do not match"
        )
    rows, columns = np.nonzero(asked)
    if not len(rows):
        raise InputError("no cell was asked, so there is nothing to fit")
    y = correct[rows, columns].astype(np.float64)
    x = _design(features, inputs, rows, columns)
    ends = np.cumsum([1, features.shape[1], count, inputs])
    blocks = [slice(a, b) for a, b in pairwise(ends)]
    variances = np.array([0.5, 0.5, 1.0])
    mean, precision = np.zeros(x.shape[1]), np.full(x.shape[1], _VAGUE)
    mean[0] = np.log((y.sum() + 0.5) / (len(y) - y.sum() + 0.5))
    factor = np.empty((0, 0))
    for _ in range(_ROUNDS):
        for block, variance in zip(blocks, variances, strict=True):
            precision[block] = 1.0 / variance
        for _ in range(2):
            p = expit(x @ mean)
            hessian = (x.T @ x.multiply((p * (1.0 - p))[:, None])).toarray() + np.diag(precision)
            solved = cho_factor(hessian, lower=True)
            step = cho_solve(solved, x.T @ (y - p) - precision * mean)
            mean = mean + step * min(1.0, 4.0 / max(1e-9, float(np.abs(step).max())))
        factor = np.tril(solved[0])
        inverse = solve_triangular(factor, np.eye(len(mean)), lower=True)
        posterior = (inverse**2).sum(0)
        for number, block in enumerate(blocks):
            total = float((mean[block] ** 2 + posterior[block]).sum())
            size = block.stop - block.start
            variances[number] = (total + _PRIOR_COUNT * _PRIOR_VARIANCE) / (size + _PRIOR_COUNT)
    return Posterior(
        mean=mean, factor=factor, features=features, spread=float(np.sqrt(variances[1])),
        asked=asked.copy(), correct=correct.copy(),
    )
