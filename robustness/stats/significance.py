"""Tests of paired answers: exact McNemar, and Holm's correction for several of them."""

from collections.abc import Sequence

import numpy as np
from statsmodels.stats.contingency_tables import mcnemar as _mcnemar
from statsmodels.stats.multitest import multipletests

from robustness.errors import InputError
from robustness.stats.intervals import BoolArray


def mcnemar(first: BoolArray, second: BoolArray) -> float:
    """Two-sided p-value of the exact McNemar test for two conditions on the same inputs.

    Only the inputs count on which the conditions differ. If neither condition were better, each of
    these would favour either one with probability 1/2, so the number that the first wins is
    binomial(gained + lost, 1/2).

    Args:
        first: (N,) bool: right or not.
        second: (N,) bool: the same inputs under the other condition.

    Raises:
        InputError: There are no inputs, or the lengths differ.
    """
    if first.shape != second.shape or first.ndim != 1 or not first.size:
        raise InputError(
            f"McNemar's test needs the same inputs twice, found {first.shape} and {second.shape}"
        )
    gained = int(np.sum(first & ~second))
    lost = int(np.sum(~first & second))
    if gained + lost == 0:
        return 1.0
    return float(_mcnemar([[0, gained], [lost, 0]], exact=True).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order given; an empty list for no p-values.

    Of m p-values the k-th smallest is multiplied by m - k + 1, and no adjusted value is below that
    of a smaller one. Rejecting what is below alpha keeps the chance of any false rejection in the
    family below alpha, whatever the dependence between the tests.
    """
    if not p_values:
        return []
    return [float(p) for p in multipletests(list(p_values), method="holm")[1]]
