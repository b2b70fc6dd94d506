"""Table 3, Fig. 2b and Table 4 of [S1]: accuracy under observed and unobserved instructions.

Each function takes the rows of `released.read_results`.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from robustness.evaluation.published import artefacts, sets
from robustness.evaluation.published.means import COVERAGE, Means, compute
from robustness.evaluation.published.values import Figure, PublishedTable, TableRow

INTERVAL = "instructions drawn again within their dataset and set; the datasets are fixed"
_SCALING: Mapping[str, str] = {
    "Flan-T5-Small": "Small", "Flan-T5-Base": "Base", "Flan-T5-Large": "Large",
    "Flan-T5-XL": "XL", "Flan-T5-XXL": "XXL",
}
_PRINTED_SPREADS = {("Flan-T5-XL", "BBL-QA"): 7.3}
_PRINTED_TABLE4: Mapping[str, tuple[float, float]] = {
    "MMLU": (19.8, -0.5), "BBL-QA": (37.9, -3.4), "BBL-BC": (25.3, -2.0), "BBL-MC": (26.1, -2.8),
}
_NO_ARTEFACT = "None of the three artefacts of Table 3 is a cell of Flan-T5."


def _zero_shot(rows: pd.DataFrame, models: Sequence[str]) -> pd.DataFrame:
    kept = rows[(rows["shots"] == 0) & rows["model"].isin(list(models))]
    return sets.observed_or_not(kept)


def _accuracies(
    means: Means, models: Sequence[str], datasets: Sequence[str]
) -> dict[str, Figure]:
    """Accuracies (of a single model), degradation, and degradation without the artefacts."""
    cells = artefacts.pairs(models, datasets)
    made = {}
    if len(models) == 1:
        made = {
            "observed": means.over(models[0], datasets, "observed").figure(),
            "unobserved": means.over(models[0], datasets, "unobserved").figure(),
        }
    return made | {
        "degradation": artefacts.degradation(means, cells).figure(),
        "without_artefacts": artefacts.without(means, cells).figure(),
    }


def table3(rows: pd.DataFrame, *, seed: int, draws: int) -> PublishedTable:
    """Table 3: five models on MMLU and on BIG-bench Lite by task type.

    Args:
        rows: See `released.read_results`.
        seed: Seed of the bootstrap.
        draws: Number of bootstrap samples.

    Raises:
        InputError: The results lack an accuracy that the table needs.
    """
    models = list(sets.PAPER_NAMES)
    shown = [*models, *artefacts.CONFLICT_MODELS]
    kept = _zero_shot(rows, shown)
    means = compute(kept, seed=seed, draws=draws)
    lines = []
    for model in models:
        for group, datasets in sets.GROUPS.items():
            found = _accuracies(means, [model], datasets)
            notes = tuple(
                number for number, dataset in ((1, sets.VITAMINC), (2, sets.WINOWHY))
                if dataset in datasets and (model, dataset) in sets.ARTEFACTS
            )
            spread = means.spread(model, datasets, "unobserved")
            printed = _PRINTED_SPREADS.get((model, group))
            found |= {
                "observed_std": means.spread(model, datasets, "observed"),
                "unobserved_std": Figure(value=spread.value, printed=printed),
            }
            name = sets.PAPER_NAMES[model]
            lines.append(TableRow(name=name, group=group, figures=found, notes=notes))
    for group, datasets in (("12 BBL datasets", sets.BBL), ("all 13 datasets", sets.ALL)):
        lines.append(
            TableRow(
                name="mean of five models", group=group,
                figures=_accuracies(means, models, datasets), notes=(1, 2, 3),
            )
        )
    return PublishedTable(
        name="table3", title="Accuracy under observed and unobserved instructions",
        source="Table 3", decimals=2, interval=INTERVAL, coverage=COVERAGE, draws=draws, seed=seed,
        columns=(
            "observed", "observed_std", "unobserved", "unobserved_std", "degradation",
            "without_artefacts",
        ),
        rows=tuple(lines),
        footnotes=(
            artefacts.vitaminc(kept, means), artefacts.winowhy(kept, means),
            artefacts.claims(means, sets.ALL),
        ),
    )


def fig2b(rows: pd.DataFrame, *, seed: int, draws: int) -> PublishedTable:
    """Fig. 2b: five sizes of Flan-T5, mean over 13 datasets; arguments as for `table3`.

    Raises:
        InputError: The results lack an accuracy that the figure needs.
    """
    means = compute(_zero_shot(rows, list(_SCALING)), seed=seed, draws=draws)
    large = "Flan-T5-Large"
    others = [d for d in sets.ALL if d != sets.VITAMINC]
    lost = means.degradation(large, sets.VITAMINC).value
    rest = artefacts.degradation(means, artefacts.pairs([large], others)).value
    note = (
        f"{_NO_ARTEFACT} The same conflict of labels on {sets.VITAMINC} costs {large} "
        f"{lost:.1f} points; without that dataset it loses {rest:.1f}."
    )
    return PublishedTable(
        name="fig2b", title="Accuracy by size of Flan-T5, mean of 13 datasets",
        source="Fig. 2b", decimals=1, interval=INTERVAL, coverage=COVERAGE, draws=draws, seed=seed,
        columns=("observed", "unobserved", "degradation", "without_artefacts"),
        rows=tuple(
            TableRow(
                name=name, group="all 13 datasets",
                figures=_accuracies(means, [model], sets.ALL),
                notes=(1,) if model == large else (),
            )
            for model, name in _SCALING.items()
        ),
        footnotes=(note,),
    )


def table4(rows: pd.DataFrame, *, seed: int, draws: int) -> PublishedTable:
    """Table 4: distance to the nearest observed instruction and accuracy difference, Flan-T5-XXL.

    Arguments as for `table3`.

    Raises:
        InputError: The results lack an accuracy that the table needs.
    """
    model = "Flan-T5-XXL"
    means = compute(_zero_shot(rows, [model]), seed=seed, draws=draws)
    lines = []
    for group, datasets in sets.GROUPS.items():
        distance, printed = _PRINTED_TABLE4[group]
        difference = means.over(model, datasets, "unobserved") - means.over(
            model, datasets, "observed"
        )
        lines.append(
            TableRow(
                name=sets.PAPER_NAMES[model], group=group, notes=(1, 2),
                figures={
                    "distance": Figure(value=distance, recomputed=False),
                    "accuracy_difference": difference.figure(printed=printed),
                },
            )
        )
    return PublishedTable(
        name="table4",
        title="Average L2 distance to the nearest observed instruction, and unobserved minus "
        "observed accuracy",
        source="Table 4", decimals=1, interval=INTERVAL, coverage=COVERAGE, draws=draws, seed=seed,
        columns=("distance", "accuracy_difference"), rows=tuple(lines),
        footnotes=(
            "The released results hold no representations: the distances (not in points) are the "
            "paper's own, the differences are recomputed.",
            _NO_ARTEFACT,
        ),
    )
