"""Which datasets and instructions the paper [S1] groups, and the cells that are artefacts.

Refuses to know the accuracies. Filters: PAPER, 'What the paper reports'.
"""

from collections.abc import Mapping

import pandas as pd

GROUPS: Mapping[str, tuple[str, ...]] = {
    "MMLU": ("MMLU_General",),
    "BBL-QA": (
        "BBQ_Lite", "Code_Line_Description", "Hindu_Knowledge", "Known_Unknowns",
        "Logical_Deduction", "Novel_Concepts",
    ),
    "BBL-BC": ("Play_Dialog", "Strange_Stories", "StrategyQA", "Winowhy"),
    "BBL-MC": ("Language_Identification", "Vitaminc_Fact_Verification"),
}
BBL = tuple(d for name, group in GROUPS.items() if name != "MMLU" for d in group)
ALL = (*GROUPS["MMLU"], *BBL)
VITAMINC = "Vitaminc_Fact_Verification"
WINOWHY = "Winowhy"

PAPER_NAMES: Mapping[str, str] = {
    "Flan-T5-XL": "Flan-T5-3B", "Alpaca-7B": "Alpaca-7B", "T0++": "T0++ 11B",
    "Flan-T5-XXL": "Flan-T5-11B", "Alpaca-13B": "Alpaca-13B",
}
"""Models of Table 3, as released -> as the paper calls them, in the paper's order."""

ARTEFACTS = frozenset({("Alpaca-7B", VITAMINC), ("Alpaca-13B", VITAMINC), ("T0++", WINOWHY)})
"""(model, dataset) cells whose degradation is one of scoring or of the data."""

KINDS: Mapping[str, str] = {
    "Correct": "closest", "Incorrect": "incorrect but observed", "Unobserved": "newly collected",
    "Default": "task designer", "Random": "nonsensical", "Negation": "negated",
}
"""Types of instruction of Fig. 3, as released -> as they are called."""

_UNOBSERVED = ("Unobserved", "Default")


def observed_or_not(rows: pd.DataFrame, *, designer: bool = True) -> pd.DataFrame:
    """Lines of the 13 datasets with their set, `observed` or `unobserved`.

    Args:
        rows: `released.read_results`'s lines.
        designer: Whether the task designer's own instruction counts as unobserved; else it is
            left out.
    """
    kept = rows[rows["dataset"].isin(ALL)]
    if not designer:
        kept = kept[kept["type"] != "Default"]
    unobserved = kept["type"].isin(_UNOBSERVED)
    return kept.assign(set=unobserved.map({True: "unobserved", False: "observed"}))


def by_kind(rows: pd.DataFrame) -> pd.DataFrame:
    """Lines of the seven tasks of Fig. 3, the set being the type of instruction."""
    tasks = rows.loc[rows["type"].isin(["Incorrect", "Negation", "Random"]), "dataset"].unique()
    kept = rows[rows["dataset"].isin(tasks)]
    return kept.assign(set=kept["type"].map(dict(KINDS)))
