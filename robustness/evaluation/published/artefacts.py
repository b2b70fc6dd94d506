"""Means without the three artefacts in the released results [S1], and footnotes that explain them.

An artefact is a (model, dataset) pair whose degradation comes from the scoring or from the data;
see `sets.ARTEFACTS`. Tables show each mean with and without them.
"""

from collections.abc import Iterable, Sequence

import pandas as pd

from robustness.evaluation.published.means import Mean, Means, mean
from robustness.evaluation.published.sets import ARTEFACTS, PAPER_NAMES, VITAMINC, WINOWHY

CONFLICT_MODELS = ("Flan-T5-Large", "Flan-T5-XL", "Flan-T5-XXL")
"""Sizes of Flan-T5 on which the same label conflict has very different effects."""


def pairs(models: Iterable[str], datasets: Sequence[str]) -> list[tuple[str, str]]:
    """All (model, dataset) pairs of a comparison."""
    return [(model, dataset) for model in models for dataset in datasets]


def degradation(means: Means, cells: Sequence[tuple[str, str]]) -> Mean:
    """Mean degradation over (model, dataset) pairs."""
    return mean([means.degradation(model, dataset) for model, dataset in cells])


def without(means: Means, cells: Sequence[tuple[str, str]]) -> Mean:
    """Mean degradation over (model, dataset) pairs, without the artefacts."""
    return degradation(means, [cell for cell in cells if cell not in ARTEFACTS])


def _accuracies(rows: pd.DataFrame, model: str, dataset: str, of: str) -> "pd.Series[float]":
    chosen = (rows["model"] == model) & (rows["dataset"] == dataset) & (rows["set"] == of)
    return rows.loc[chosen & (rows["shots"] == 0), "points"]


def _lost(means: Means, model: str, dataset: str) -> str:
    # Adding zero turns -0.0 into 0.0.
    return f"{round(means.degradation(model, dataset).value, 1) + 0.0:.1f}"


def vitaminc(rows: pd.DataFrame, means: Means) -> str:
    """Footnote on the cause of Alpaca's loss on multi-class classification."""
    best = _accuracies(rows, "Alpaca-13B", VITAMINC, "unobserved").max()
    usual = _accuracies(rows, "Alpaca-13B", VITAMINC, "observed").mean()
    return (
        f"On {VITAMINC} Alpaca loses {_lost(means, 'Alpaca-7B', VITAMINC)} (7B) and "
        f"{_lost(means, 'Alpaca-13B', VITAMINC)} points (13B). All ten newly collected "
        "instructions of the released collection ask for True, False or Neither, while the scorer "
        "reads A, B or C. A conflict of labels is a warning, never by itself a prediction: there "
        + ", ".join(
            f"{model} loses {_lost(means, model, VITAMINC)}"
            for model in ("T0++", *CONFLICT_MODELS)
        )
        + f", and on Alpaca-13B the best unobserved instruction reaches {best:.1f}, the observed "
        f"ones {usual:.1f} on average."
    )


def winowhy(rows: pd.DataFrame, means: Means) -> str:
    """Footnote on the cause of T0++'s loss on binary classification."""
    seen = _accuracies(rows, "T0++", WINOWHY, "observed")
    return (
        f"On {WINOWHY} T0++ loses {_lost(means, 'T0++', WINOWHY)} points, because its accuracy "
        f"under observed instructions is an implausible {seen.min():.0f} to {seen.max():.0f}%."
    )


def claims(means: Means, datasets: Sequence[str]) -> str:
    """Footnote on two averages in the paper's text that the released results do not confirm."""
    largest = degradation(means, pairs(["Flan-T5-XXL"], datasets)).value
    average = degradation(means, pairs(PAPER_NAMES, datasets)).value
    return (
        "The text's 6.9 points for Flan-T5-XXL and 'over five points on average' are not in the "
        f"released results: over these {len(datasets)} datasets they give {largest:.1f} and "
        f"{average:.1f}."
    )
