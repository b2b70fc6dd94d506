"""Fig. 3 and Fig. 6 of [S1]: kinds of instruction, and the effect of one worked example."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from robustness.evaluation.published import sets
from robustness.evaluation.published.accuracy_tables import INTERVAL
from robustness.evaluation.published.means import COVERAGE, Mean, MeanKey, Means, compute, weighted
from robustness.evaluation.published.values import Figure, PublishedTable, TableRow

_MODEL = "Flan-T5-XXL"
INCORRECT, COLLECTED = "incorrect but observed", "newly collected"


class Kinds:
    """Mean accuracy by kind of instruction on the seven tasks of Fig. 3."""

    def __init__(self, rows: pd.DataFrame, *, seed: int, draws: int) -> None:
        """Computes all means.

        Args:
            rows: See `released.read_results`.
            seed: Seed of the bootstrap.
            draws: Number of bootstrap samples.

        Raises:
            InputError: The results have none of the tasks.
        """
        self._seed, self._draws = seed, draws
        kept = sets.by_kind(rows)
        self.tasks: tuple[str, ...] = tuple(sorted(kept["dataset"].unique()))
        self.means: Means = compute(kept, seed=seed, draws=draws)

    def of(self, kind: str) -> Mean:
        """Mean accuracy under one kind of instruction, over the tasks."""
        return self.means.over(_MODEL, self.tasks, kind)

    def gain(self) -> Mean:
        """Incorrect but observed minus newly collected, with instructions resampled."""
        return self.of(INCORRECT) - self.of(COLLECTED)

    def gains(self) -> list[float]:
        """The same difference for each task."""
        cells = [
            self.means.over(_MODEL, [t], INCORRECT) - self.means.over(_MODEL, [t], COLLECTED)
            for t in self.tasks
        ]
        return [cell.value for cell in cells]

    def gain_by_tasks(self) -> Figure:
        """The same difference with tasks resampled: how it could vary with another seven tasks."""
        gains = np.array(self.gains())
        rng = np.random.default_rng(self._seed)
        # (draws, tasks): each draw takes as many tasks as there are, with replacement.
        drawn = gains[rng.integers(0, len(gains), (self._draws, len(gains)))].mean(axis=-1)
        tail = 100 * (1 - COVERAGE) / 2
        low, high = np.percentile(drawn, [tail, 100 - tail])
        return Figure(value=self.gain().value, low=float(low), high=float(high))


def fig3(rows: pd.DataFrame, *, seed: int, draws: int) -> PublishedTable:
    """Fig. 3: six kinds of instruction, mean over seven tasks, Flan-T5-XXL.

    Args:
        rows: See `released.read_results`.
        seed: Seed of the bootstrap.
        draws: Number of bootstrap samples.

    Raises:
        InputError: The results lack an accuracy that the figure needs.
    """
    kinds = Kinds(rows, seed=seed, draws=draws)
    group = f"{len(kinds.tasks)} tasks"
    lines = [
        TableRow(name=kind, group=group, figures={"accuracy": kinds.of(kind).figure()},
            notes=(1,) if kind in (INCORRECT, COLLECTED) else (2,) if released == "Default" else ())
        for released, kind in sets.KINDS.items()
    ]
    name = f"{INCORRECT} minus {COLLECTED}"
    lines += [
        TableRow(name=name, group=group, figures={"accuracy": kinds.gain().figure()}, notes=(1,)),
        TableRow(name=f"{name}, tasks drawn again", group=group,
            figures={"accuracy": kinds.gain_by_tasks()}, notes=(1,)),
    ]
    return PublishedTable(
        name="fig3", title="Accuracy by type of instruction, mean of seven tasks, Flan-T5-XXL",
        source="Fig. 3", decimals=1, interval=INTERVAL, coverage=COVERAGE, draws=draws, seed=seed,
        columns=("accuracy",), rows=tuple(lines),
        footnotes=(
            incorrect_note(kinds),
            "One instruction a task: there is nothing to draw again, so no interval.",
        ),
    )


def incorrect_note(kinds: Kinds) -> str:
    """Footnote on the claim that incorrect observed instructions beat correct unobserved ones."""
    made, gains = kinds.gain_by_tasks(), kinds.gains()
    return (
        f"'Incorrect but observed beats correct but unobserved' is {made.value:+.1f} points with "
        f"an interval of [{made.low:.1f}, {made.high:.1f}] from drawing tasks again, positive on "
        f"{sum(g > 0 for g in gains)} of {len(gains)} tasks."
    )


def _pooled(means: Means, shots: int) -> tuple[Mean, int]:
    """Mean degradation over all unobserved instructions of the BBL datasets, and their number."""
    sizes = [means.sizes[MeanKey(_MODEL, shots, d, "unobserved")] for d in sets.BBL]
    total = sum(sizes)
    terms: Sequence[tuple[float, Mean]] = [
        (size / total, means.degradation(_MODEL, d, shots))
        for size, d in zip(sizes, sets.BBL, strict=True)
    ]
    return weighted(terms), total


def fig6(rows: pd.DataFrame, *, seed: int, draws: int) -> PublishedTable:
    """Fig. 6: degradation without and with one worked example, Flan-T5-XXL, 12 BBL datasets.

    Arguments as for `fig3`.

    Raises:
        InputError: The results lack an accuracy that the figure needs.
    """
    kept = rows[rows["model"] == _MODEL]
    lines, numbers = [], []
    found: dict[bool, list[Mean]] = {}
    for designer in (False, True):
        means = compute(
            sets.observed_or_not(kept, designer=designer), seed=seed, draws=draws
        )
        pairs = [_pooled(means, shots) for shots in (0, 1)]
        found[designer] = [made for made, _ in pairs]
        numbers.append(pairs[0][1])
    names = ("no example", "one example")
    for number, name in enumerate(names):
        lines.append(
            TableRow(
                name=name, group="12 BBL datasets", notes=(1,),
                figures={
                    "newly_collected": found[False][number].figure(),
                    "with_task_designer": found[True][number].figure(),
                },
            )
        )
    lines.append(
        TableRow(
            name="one example minus none", group="12 BBL datasets", notes=(1,),
            figures={
                "newly_collected": (found[False][1] - found[False][0]).figure(),
                "with_task_designer": (found[True][1] - found[True][0]).figure(),
            },
        )
    )
    return PublishedTable(
        name="fig6", title="Mean degradation without and with one worked example, Flan-T5-XXL",
        source="Fig. 6", decimals=1, interval=INTERVAL, coverage=COVERAGE, draws=draws, seed=seed,
        columns=("newly_collected", "with_task_designer"), rows=tuple(lines),
        footnotes=(
            f"Pooled over {numbers[0]} newly collected instructions, and over {numbers[1]} where "
            "the task designer's own counts as unobserved too: whether one example helps depends "
            f"on that ({found[True][0].value:.1f} points without and {found[True][1].value:.1f} "
            "with it then).",
        ),
    )

