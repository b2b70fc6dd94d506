"""The groups of datasets and the sets of instructions of [S1], and the artefacts in its results.

Observed instructions are those whose type is neither Unobserved nor Default; the task designer's
own instruction (Default) counts as unobserved.
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
"""Models of Table 3: name in the released files -> name in the paper, in the paper's order."""

ARTEFACTS = frozenset({("Alpaca-7B", VITAMINC), ("Alpaca-13B", VITAMINC), ("T0++", WINOWHY)})
"""(model, dataset) pairs whose degradation comes from the scoring or from the data."""

KINDS: Mapping[str, str] = {
    "Correct": "closest", "Incorrect": "incorrect but observed", "Unobserved": "newly collected",
    "Default": "task designer", "Random": "nonsensical", "Negation": "negated",
}
"""Kinds of instruction of Fig. 3: name in the released files -> name that is shown."""

_UNOBSERVED = ("Unobserved", "Default")


def observed_or_not(rows: pd.DataFrame, *, designer: bool = True) -> pd.DataFrame:
    """The rows of the 13 datasets with a column `set`: `observed` or `unobserved`.

    Args:
        rows: The rows of `released.read_results`.
        designer: Whether the task designer's instruction counts as unobserved; otherwise it is
            left out.
    """
    kept = rows[rows["dataset"].isin(ALL)]
    if not designer:
        kept = kept[kept["type"] != "Default"]
    unobserved = kept["type"].isin(_UNOBSERVED)
    return kept.assign(set=unobserved.map({True: "unobserved", False: "observed"}))


def by_kind(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of the seven tasks of Fig. 3 with a column `set`: the kind of instruction."""
    tasks = rows.loc[rows["type"].isin(["Incorrect", "Negation", "Random"]), "dataset"].unique()
    kept = rows[rows["dataset"].isin(tasks)]
    return kept.assign(set=kept["type"].map(dict(KINDS)))
