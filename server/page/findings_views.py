"""The tables and figures of each study that the *Findings* tab offers.

Does not lay out the tab; see `findings_tab.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from robustness.evaluation import published
from robustness.evaluation.published import PublishedTable
from server import library
from server.page.findings_plots import Measure

_LOST = "lost accuracy, points (positive is worse)"
_ACCURACY = "accuracy, points"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One table of a study."""

    title: str
    """Name in the list of tables."""
    lines: str
    """What its lines are, in the plural, such as "models"."""
    table: Callable[[], PublishedTable]
    """Makes the table; raises `RobustnessError` if it cannot."""
    measures: Mapping[str, Measure]
    """Name in the list of figures -> what is drawn."""


@cache
def _published(name: str) -> PublishedTable:
    """A published table; cached, since its bootstrap takes long."""
    return published.complete(published.table(name))


def _released(name: str) -> Callable[[], PublishedTable]:
    return lambda: _published(name)


def _accuracy(*columns: str, differences: bool | None = None) -> Measure:
    return Measure(title=_ACCURACY, columns=columns, differences=differences)


_LOSSES = Measure(title=_LOST, columns=("degradation", "without_artefacts"))
_TWO_SETS = {"accuracy": _accuracy("observed", "unobserved"), "lost accuracy": _LOSSES}
_THREE = ("observed", "unobserved_development", "unobserved_test")

PUBLISHED: Mapping[str, View] = {
    "table3": View(
        title="Table 3: models and types of task", lines="Models", table=_released("table3"),
        measures=_TWO_SETS,
    ),
    "fig2b": View(
        title="Fig. 2b: sizes of Flan-T5", lines="Models", table=_released("fig2b"),
        measures=_TWO_SETS,
    ),
    "fig3": View(
        title="Fig. 3: kinds of instruction", lines="Kinds of instruction",
        table=_released("fig3"),
        measures={
            "accuracy": _accuracy("accuracy", differences=False),
            "difference": Measure(
                title="difference of accuracies, points", columns=("accuracy",), differences=True
            ),
        },
    ),
    "fig6": View(
        title="Fig. 6: one worked example", lines="Worked examples", table=_released("fig6"),
        measures={
            "lost accuracy": Measure(
                title=_LOST, columns=("newly_collected", "with_task_designer")
            )
        },
    ),
    "table4": View(
        title="Table 4: distance and loss", lines="Models", table=_released("table4"),
        measures={
            "difference by distance": Measure(
                title="unobserved minus observed, points", columns=("accuracy_difference",),
                across="distance",
            )
        },
    ),
    "findings": View(
        title="Claims and artefacts", lines="Claims", table=_released("findings"),
        measures={
            "points": Measure(
                title="points (losses: positive is worse)",
                columns=("released", "without_artefacts"),
            )
        },
    ),
}


def own(folder: Path) -> Mapping[str, View]:
    """The tables of a model's own study.

    Args:
        folder: Folder of its card.
    """

    def made(name: str) -> Callable[[], PublishedTable]:
        return lambda: library.study.table(name, library.study.read_study(folder))

    return {
        "types": View(
            title="As Table 3: types of task", lines="Models", table=made("types"),
            measures={"accuracy": _accuracy(*_THREE), "lost accuracy": _LOSSES},
        ),
        "tasks": View(
            title="Task by task", lines="Tasks", table=made("tasks"),
            measures={"accuracy": _accuracy(*_THREE), "lost accuracy": _LOSSES},
        ),
        "gains": View(
            title="What alignment gains", lines="Models", table=made("gains"),
            measures={
                "gain": Measure(
                    title="aligned minus original, points (positive is better)", columns=_THREE
                )
            },
        ),
    }
