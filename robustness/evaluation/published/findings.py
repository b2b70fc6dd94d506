"""Claims of the paper [S1] compared with its own released results."""

import pandas as pd

from robustness.evaluation.published import artefacts, sets
from robustness.evaluation.published.accuracy_tables import INTERVAL
from robustness.evaluation.published.instruction_tables import (
    COLLECTED,
    INCORRECT,
    Kinds,
    incorrect_note,
)
from robustness.evaluation.published.means import COVERAGE, Means, compute
from robustness.evaluation.published.values import PublishedTable, TableRow

_LARGEST = "Flan-T5-XXL"


def _cells(means: Means) -> list[TableRow]:
    lines = [
        (model, sets.VITAMINC, 1)
        for model in ("Alpaca-7B", "Alpaca-13B", *artefacts.CONFLICT_MODELS)
    ]
    return [
        TableRow(
            name=f"{model} loses", group=dataset, notes=(note,),
            figures={"released": means.degradation(model, dataset).figure()},
        )
        for model, dataset, note in [*lines, ("T0++", sets.WINOWHY, 2)]
    ]


def findings(rows: pd.DataFrame, *, seed: int, draws: int) -> PublishedTable:
    """The table of artefacts and claims, each recomputed from the released results.

    Args:
        rows: See `released.read_results`.
        seed: Seed of the bootstrap.
        draws: Number of bootstrap samples.

    Raises:
        InputError: The results lack an accuracy that the table needs.
    """
    models = list(sets.PAPER_NAMES)
    kept = sets.observed_or_not(
        rows[(rows["shots"] == 0) & rows["model"].isin([*models, *artefacts.CONFLICT_MODELS])]
    )
    means = compute(kept, seed=seed, draws=draws)
    kinds = Kinds(rows, seed=seed, draws=draws)
    lines = _cells(means)
    for group, datasets in (("12 BBL datasets", sets.BBL), ("all 13 datasets", sets.ALL)):
        cells = artefacts.pairs(models, datasets)
        # The paper's 'over five points on average' gives no exact number to compare with.
        lines.append(
            TableRow(
                name="five models lose on average", group=group, notes=(1, 2, 4),
                figures={
                    "released": artefacts.degradation(means, cells).figure(),
                    "without_artefacts": artefacts.without(means, cells).figure(),
                },
            )
        )
    largest = artefacts.degradation(means, artefacts.pairs([_LARGEST], sets.ALL))
    name = f"{INCORRECT} minus {COLLECTED}"
    group = f"{len(kinds.tasks)} tasks"
    lines += [
        TableRow(name=f"{_LARGEST} loses", group="all 13 datasets", notes=(4,),
            figures={"released": largest.figure(printed=6.9)}),
        TableRow(name=name, group=group, notes=(3,), figures={"released": kinds.gain().figure()}),
        TableRow(name=f"{name}, tasks drawn again", group=group, notes=(3,),
            figures={"released": kinds.gain_by_tasks()}),
    ]
    return PublishedTable(
        name="findings", title="Claims and artefacts, from the released results",
        source="Text, Table 3 and Fig. 3", decimals=2, interval=INTERVAL, coverage=COVERAGE,
        draws=draws, seed=seed, columns=("released", "without_artefacts"), rows=tuple(lines),
        footnotes=(
            artefacts.vitaminc(kept, means), artefacts.winowhy(kept, means),
            incorrect_note(kinds), artefacts.claims(means, sets.ALL),
        ),
    )
