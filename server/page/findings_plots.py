"""Figures of a study's table: dots with their intervals, and what the browser may save.

Refuses to know where a table comes from.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import plotly.graph_objects as go
from gradio.components.plot import PlotData

from robustness.evaluation.published import PublishedTable, TableRow
from server.page.look import ACCENT

_THIRD = "#d97706"
_FIRST = "#7b8aa3"
"""Between the themes' greys: seen on white paper and on the dark page alike."""
_COLOURS: dict[str, str] = {
    "observed": _FIRST, "unobserved": _THIRD, "unobserved_development": ACCENT,
    "unobserved_test": _THIRD, "degradation": _THIRD, "released": _THIRD,
    "without_artefacts": ACCENT,
}
_SYMBOLS = ("circle", "diamond", "square")
_LABEL = 22
"""Letters in a line of a label: more leave a phone no room for the dots."""
_APART = 0.22
"""Between the dots of one line, where a line is one high."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What of a table one figure shows."""

    title: str
    """Of the axis."""
    columns: tuple[str, ...]
    differences: bool | None = None
    """Whether lines that are a difference of others are shown: on an axis of accuracies they say
    nothing. None: all lines."""
    across: str | None = None
    """A column to lay along the other axis; by default the lines are listed there."""

    def rows(self, made: PublishedTable) -> list[TableRow]:
        """The lines that it shows."""
        return [
            row for row in made.rows
            if (self.differences is None or (" minus " in row.name) == self.differences)
            and any(c in row.figures for c in self.columns)
        ]


def _labels(rows: Sequence[TableRow]) -> list[str]:
    """Name with the marks of footnotes that are not everybody's, and the group below it."""
    common = set.intersection(*(set(row.notes) for row in rows))
    labels = []
    for row in rows:
        marks = "".join(f"[{n}]" for n in row.notes if n not in common)
        pieces = [*wrap(f"{row.name} {marks}", _LABEL), *wrap(row.group.replace("_", " "), _LABEL)]
        labels.append("<br>".join(pieces))
    return labels


def _errors(rows: Sequence[TableRow], column: str) -> dict[str, Any]:
    figures = [row.figures[column] for row in rows]
    return {
        "type": "data", "symmetric": False, "thickness": 1.5, "width": 3,
        "array": [None if f.high is None else f.high - f.value for f in figures],
        "arrayminus": [None if f.low is None else f.value - f.low for f in figures],
    }


def _marker(column: str, number: int) -> dict[str, Any]:
    return {
        "color": _COLOURS.get(column, (ACCENT, _THIRD, _FIRST)[number % 3]),
        "symbol": _SYMBOLS[number % len(_SYMBOLS)], "size": 8,
    }


def _listed(measure: Measure, rows: Sequence[TableRow], columns: Sequence[str]) -> go.Figure:
    """A line a row, from the top."""
    figure = go.Figure()
    for number, column in enumerate(columns):
        kept = [(place, row) for place, row in enumerate(rows) if column in row.figures]
        shift = _APART * (number - (len(columns) - 1) / 2)
        figure.add_scatter(
            x=[row.figures[column].value for _, row in kept],
            y=[place + shift for place, _ in kept],
            error_x=_errors([row for _, row in kept], column),
            mode="markers", marker=_marker(column, number), name=column.replace("_", " "),
            text=[f"{row.name}, {row.group}" for _, row in kept],
            hovertemplate="%{text}<br>%{x:.2f}",
        )
    labels = _labels(rows)
    figure.update_yaxes(
        tickvals=list(range(len(rows))), ticktext=labels, range=[len(rows) - 0.4, -0.6],
        automargin=True, zeroline=False,
    )
    figure.update_xaxes(title_text=measure.title)
    # All lines are equally high: as high as the longest label.
    high = max(2, *(label.count("<br>") + 1 for label in labels))
    figure.update_layout(height=150 + 16 * high * len(rows), showlegend=len(columns) > 1)
    return figure


def _across(measure: Measure, rows: Sequence[TableRow], columns: Sequence[str]) -> go.Figure:
    """One column against another."""
    across = str(measure.across)
    figure = go.Figure()
    for number, column in enumerate(columns):
        kept = [row for row in rows if {column, across} <= set(row.figures)]
        figure.add_scatter(
            x=[row.figures[across].value for row in kept],
            y=[row.figures[column].value for row in kept],
            error_y=_errors(kept, column), mode="markers+text",
            text=[row.group for row in kept], textposition="middle right",
            marker=_marker(column, number), name=column.replace("_", " "),
            hovertemplate="%{text}<br>%{x:.1f}, %{y:.2f}",
        )
    # Room for the words right of the last dot.
    known = [row.figures[across].value for row in rows if across in row.figures]
    room = max(max(known) - min(known), 1.0)
    figure.update_xaxes(
        title_text=across.replace("_", " "),
        range=[min(known) - 0.1 * room, max(known) + 0.4 * room],
    )
    figure.update_yaxes(title_text=measure.title, automargin=True)
    figure.update_layout(height=380, showlegend=len(columns) > 1)
    return figure


def draw(made: PublishedTable, measure: Measure) -> go.Figure | None:
    """The figure of one measure; None where the table has nothing of it."""
    rows = measure.rows(made)
    columns = [
        c for c in measure.columns
        if c in made.columns and any(c in row.figures for row in rows)
    ]
    if not columns:
        return None
    figure = (_across if measure.across else _listed)(measure, rows, columns)
    # A paper of its own, since what is saved has no page behind it; the page's style replaces it.
    # On a phone every name of the legend takes a line below the mode bar.
    top = 30 + 20 * max(2, len(columns))
    figure.update_layout(
        template="plotly_white", autosize=True, margin={"l": 8, "r": 12, "t": top, "b": 48},
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0, "xanchor": "left"},
        dragmode=False,
    )
    return figure


def shown(figure: go.Figure | None, name: str) -> PlotData | None:
    """The figure for `gr.Plot`, with what the mode bar saves.

    Args:
        figure: See `draw`.
        name: Of the saved file.
    """
    if figure is None:
        return None
    document = json.loads(figure.to_json())
    # Gradio hands a figure's `config` to plotly, but plotly's own JSON has none.
    document["config"] = {
        "displaylogo": False,
        "displayModeBar": True,
        "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
        "toImageButtonOptions": {"format": "png", "filename": name, "scale": 2},
    }
    return PlotData(type="plotly", plot=json.dumps(document))
