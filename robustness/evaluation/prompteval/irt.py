"""The item response model of PromptEval (Polo et al. 2024), fitted to some cells of a table.

The table has I instructions as rows and J inputs as columns; Y_ij is whether the answer to input j
under instruction i is right. Only some cells were evaluated. The model

    P(Y_ij = 1) = sigmoid(theta_i + beta_j)
    theta_i = mu + x_i psi + u_i

has an effect theta_i for each instruction, explained by its features x_i and a residual u_i, and an
effect beta_j for each input (how easy it is). With no features it is the Rasch model.

Fitting (`fit`) treats mu, psi, u and beta as one vector of P = 1 + F + I + J effects of a logistic
regression with Gaussian priors: psi ~ N(0, s_psi^2), u ~ N(0, s_u^2), beta ~ N(0, s_beta^2), mu
almost flat. Newton's method finds the mode, and the inverse of the negative Hessian there is the
covariance of a Gaussian approximation to the posterior (Laplace). The variances are updated by
expectation-maximisation: the mean of effect^2 + posterior variance over each block.

Estimating (`Posterior.accuracies`) draws from this posterior. The Gaussian prior is wrong for u in
one respect that matters for quantiles: a task often has instructions that work and others that do
not, so that u has two peaks. Its distribution is therefore a histogram over a grid of 41 values,
sampled together with the u_i by Gibbs sampling. Cells that were evaluated keep their answers; the
others are predicted, so the draws show the uncertainty of the cells that are missing.
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
from robustness.prediction.degradation.text_views import format_features
from robustness.stats.intervals import BoolArray

Floats = npt.NDArray[np.float64]
_ROUNDS = 25
_VAGUE = 1e-2
"""Prior precision of mu, the overall level."""
_PRIOR_COUNT, _PRIOR_VARIANCE = 2.0, 0.5
"""Inverse-gamma prior on the variances, worth this many effects, so that none falls to zero."""
_COMPONENTS = 8
_GRID = np.linspace(-6.0, 6.0, 41)
"""The values that u can take, in logits."""
_SMOOTH = np.exp(-0.5 * np.arange(-3, 4) ** 2)
"""Weights (Gaussian kernel) that smooth the histogram of u over neighbouring grid values."""
_CONCENTRATION = 1.0
"""Number of instructions that the Gaussian prior of u's distribution counts for."""
_BURN_IN = 50
"""Gibbs sweeps that are thrown away."""


def text_features(texts: list[str]) -> Floats:
    """Features of instructions: character TF-IDF reduced to 8 dimensions, and format features.

    Args:
        texts: The I instructions, at least two.

    Returns:
        (I, F) float64, standardised and divided by sqrt(F), so that x psi has the variance of psi.
    """
    weights = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4)).fit_transform(texts)
    width = min(_COMPONENTS, len(texts) - 1, weights.shape[1] - 1)
    topics = TruncatedSVD(width, random_state=0).fit_transform(weights)
    made = StandardScaler().fit_transform(np.hstack([topics, format_features(texts)]))
    return np.asarray(made[:, made.std(0) > 0] / np.sqrt(made.shape[1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Posterior:
    """Gaussian (Laplace) approximation to the posterior of the effects, around its mode."""

    mean: Floats
    """(P,) the mode: mu, psi (F), u (I), beta (J)."""
    factor: Floats
    """(P, P) lower Cholesky factor L of the posterior precision L L^T."""
    features: Floats
    """(I, F) features of the instructions."""
    spread: float
    """Standard deviation s_u of the residuals u."""
    asked: BoolArray
    """(I, J) which cells were evaluated."""
    correct: BoolArray
    """(I, J) whether their answer was right; meaningless in other cells."""

    def _offsets(self, rng: np.random.Generator) -> Floats:
        """One draw of mu + x_i psi + beta_j, (I, J)."""
        # L^-T z has the covariance (L L^T)^-1 where z is standard normal.
        count, width = self.features.shape
        z = rng.standard_normal(len(self.mean))
        effects = self.mean + solve_triangular(self.factor.T, z, lower=False)
        fixed = effects[0] + self.features @ effects[1 : 1 + width]
        return np.asarray(fixed[:, None] + effects[1 + width + count :][None, :])

    def accuracies(self, draws: int, rng: np.random.Generator) -> Floats:
        """Draws of each instruction's accuracy over all J inputs.

        Args:
            draws: Number of draws S.
            rng: Random numbers.

        Returns:
            (S, I) float64 in [0, 1]. Evaluated cells count as observed; the number of right answers
            in the other cells is drawn.
        """
        # The n evaluated cells in the order of their rows; `starts` (I,) is where each row begins,
        # `sign` (n, 1) is +1 for a right and -1 for a wrong answer, since
        # log P(Y) = log sigmoid(sign * logit).
        rows, columns = np.nonzero(self.asked)
        starts = np.searchsorted(rows, np.arange(len(self.features)))
        idle = ~self.asked.any(1)
        sign = np.where(self.correct[rows, columns], 1.0, -1.0)[:, None]
        seen, missing = (self.asked & self.correct).sum(1), (~self.asked).sum(1)
        # The prior of u's distribution over the grid: the fitted Gaussian.
        shape = np.exp(-0.5 * (_GRID / max(self.spread, 0.3)) ** 2)
        shape /= shape.sum()
        density = shape
        found = np.empty((draws, len(self.features)))
        for number in range(-_BURN_IN, draws):
            # 1. Draw mu, psi and beta.
            offsets = self._offsets(rng)
            # 2. Draw each u_i from its conditional over the grid: likelihood of the row's cells
            # (I, 41) times the current density. `terms` is (n, 41); cells of a row are summed.
            terms = log_expit(sign * (offsets[rows, columns][:, None] + _GRID))
            likelihood = np.add.reduceat(terms, np.minimum(starts, len(terms) - 1), axis=0)
            likelihood[idle] = 0.0
            chances = likelihood + np.log(density)
            chances = np.exp(chances - chances.max(1, keepdims=True)).cumsum(1)
            level = rng.random(len(chances)) * chances[:, -1]
            at = (chances < level[:, None]).sum(1)
            # 3. Draw the density from its Dirichlet conditional: smoothed counts of the u_i plus
            # the prior.
            counts = np.convolve(
                np.bincount(at, minlength=len(_GRID)), _SMOOTH / _SMOOTH.sum(), "same"
            )
            # No grid value gets probability 0, since the logarithm is taken in step 2.
            density = rng.dirichlet(counts + _CONCENTRATION * shape + 1e-3) + 1e-9
            if number < 0:
                continue
            # 4. Predict the cells that were not evaluated: right with probability `unseen` (I, J).
            unseen = np.where(self.asked, 0.0, expit(offsets + _GRID[at][:, None]))
            # The number of right answers among them is drawn as normal with its mean and variance.
            deviation = np.sqrt((unseen * (1.0 - unseen)).sum(1))
            right = unseen.sum(1) + deviation * rng.standard_normal(len(at))
            found[number] = (seen + np.clip(right, 0.0, missing)) / self.asked.shape[1]
        return found


def _design(
    features: Floats, inputs: int, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]
) -> sparse.csr_matrix:
    """(n, P) design matrix: cell (i, j) has 1 for mu, x_i for psi, and ones at u_i and beta_j."""
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
    """Fits the model to the cells that were evaluated.

    Args:
        features: (I, F) features of the instructions; F may be 0, which gives the Rasch model.
        asked: (I, J) bool: which cells were evaluated.
        correct: (I, J) bool: whether the answer was right; used only in evaluated cells.

    Raises:
        InputError: The shapes differ, or no cell was evaluated.
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
    # Slices of the effects psi, u and beta; mu is effect 0.
    ends = np.cumsum([1, features.shape[1], count, inputs])
    blocks = [slice(a, b) for a, b in pairwise(ends)]
    variances = np.array([0.5, 0.5, 1.0])
    mean, precision = np.zeros(x.shape[1]), np.full(x.shape[1], _VAGUE)
    mean[0] = np.log((y.sum() + 0.5) / (len(y) - y.sum() + 0.5))
    factor = np.empty((0, 0))
    for _ in range(_ROUNDS):
        for block, variance in zip(blocks, variances, strict=True):
            precision[block] = 1.0 / variance
        # Two Newton steps of the penalised log-likelihood: the Hessian is X^T W X + precision with
        # W = p (1 - p), the gradient X^T (y - p) - precision * effects. No effect moves by more
        # than 4 logits in a step, which would overshoot where p is near 0 or 1.
        for _ in range(2):
            p = expit(x @ mean)
            hessian = (x.T @ x.multiply((p * (1.0 - p))[:, None])).toarray() + np.diag(precision)
            solved = cho_factor(hessian, lower=True)
            step = cho_solve(solved, x.T @ (y - p) - precision * mean)
            mean = mean + step * min(1.0, 4.0 / max(1e-9, float(np.abs(step).max())))
        factor = np.tril(solved[0])
        # Posterior variances: the diagonal of (L L^T)^-1 is the column sums of (L^-1)^2.
        inverse = solve_triangular(factor, np.eye(len(mean)), lower=True)
        posterior = (inverse**2).sum(0)
        for number, block in enumerate(blocks):
            # M step: E[effect^2] = mode^2 + variance, averaged over the block and the prior.
            total = float((mean[block] ** 2 + posterior[block]).sum())
            size = block.stop - block.start
            variances[number] = (total + _PRIOR_COUNT * _PRIOR_VARIANCE) / (size + _PRIOR_COUNT)
    return Posterior(
        mean=mean, factor=factor, features=features, spread=float(np.sqrt(variances[1])),
        asked=asked.copy(), correct=correct.copy(),
    )
