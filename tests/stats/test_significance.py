"""Tests of `significance`."""

import numpy as np
import pytest

from robustness.stats import significance


def test_mcnemar_is_the_exact_binomial() -> None:
    first = np.array([True] * 6 + [False] * 4)
    second = np.array([False] * 6 + [False] * 4)
    assert significance.mcnemar(first, second) == pytest.approx(2 * 0.5**6)
    assert significance.mcnemar(first, first) == 1.0


def test_holm_is_monotone_and_bounded() -> None:
    assert significance.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert significance.holm([]) == []
