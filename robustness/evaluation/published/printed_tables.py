"""Tables 5 and 6 of [S1], as printed: the released results do not allow to recompute them.

They have no intervals.
"""

from robustness.evaluation.published.means import COVERAGE
from robustness.evaluation.published.values import Figure, PublishedTable, TableRow

_NOTE = "The released results do not hold what this was made from: the paper's own numbers."


def _row(name: str, group: str, notes: tuple[int, ...], **values: float) -> TableRow:
    figures = {column: Figure(value=v, recomputed=False) for column, v in values.items()}
    return TableRow(name=name, group=group, figures=figures, notes=notes)


def table5() -> PublishedTable:
    """Table 5: change of accuracy by alignment with PT+KL."""
    return PublishedTable(
        name="table5", title="Change of accuracy by alignment with PT+KL", source="Table 5",
        decimals=1, interval="none", coverage=COVERAGE, draws=0, seed=0,
        columns=("observed", "unobserved"),
        rows=(
            _row("Flan-T5-3B", "MMLU", (1, 2), observed=0.1, unobserved=0.4),
            _row("Alpaca-7B", "MMLU", (1, 2), observed=0.5, unobserved=2.1),
        ),
        footnotes=(_NOTE, "Fine-tuning alone (FT) loses 1 to 9 points."),
    )


def table6() -> PublishedTable:
    """Table 6: distance to the nearest observed instruction before and after alignment."""
    return PublishedTable(
        name="table6", title="Distance before and after alignment, one of the paper's cells",
        source="Table 6", decimals=1, interval="none", coverage=COVERAGE, draws=0, seed=0,
        columns=("distance_before", "distance_after", "accuracy_gain"),
        rows=(
            _row(
                "PT+KL", "where accuracy gained 4.2", (1,), distance_before=30.1,
                distance_after=27.9, accuracy_gain=4.2,
            ),
        ),
        footnotes=(f"{_NOTE} Distances are not in points.",),
    )
