"""Draws a study's table as a dot plot with intervals, which the browser can save.

Does not make tables; see `findings_views.py`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from textwrap import wrap
from typing import Any

import plotly.graph_objects as go
from gradio.components.plot import PlotData

from robustness.evaluation.published import PublishedTable, TableRow
from robustness.markup import in_plot
from server.page.look import ACCENT
from server.page.sentences import said, word

_THIRD = "#d97706"
_FIRST = "#7b8aa3"
"""A grey that is visible on a white and on a dark background."""
_COLOURS: dict[str, str] = {
    "observed": _FIRST, "unobserved": _THIRD, "unobserved_development": ACCENT,
    "unobserved_test": _THIRD, "degradation": _THIRD, "released": _THIRD,
    "without_artefacts": ACCENT,
}
_SYMBOLS = ("circle", "diamond", "square")
_LABEL = 22
"""Characters in a line of a label; with more, the dots would not fit on a phone."""
_APART = 0.22
"""Distance between the dots of one line, as a share of the line's height."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """The columns of a table that one figure shows."""

    title: str
    """Title of the axis."""
    columns: tuple[str, ...]
    differences: bool | None = None
    """Whether to show the lines that are differences of others (True) or the others (False), since
    both do not fit on one axis. None: all lines."""
    across: str | None = None
    """Column for the other axis; None: the lines are listed there."""

    def rows(self, made: PublishedTable) -> list[TableRow]:
        """The table's lines that the figure shows."""
        return [
            row for row in made.rows
            if (self.differences is None or (" minus " in row.name) == self.differences)
            and any(c in row.figures for c in self.columns)
        ]


def _labels(rows: Sequence[TableRow]) -> list[str]:
    """Name of each line with the marks of its particular footnotes, and its group below."""
    common = set.intersection(*(set(row.notes) for row in rows))
    labels = []
    for row in rows:
        marks = "".join(f"[{n}]" for n in row.notes if n not in common)
        pieces = [*wrap(f"{row.name} {marks}", _LABEL), *wrap(row.group.replace("_", " "), _LABEL)]
        labels.append("<br>".join(in_plot(piece) for piece in pieces))
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


def _word(name: str, language: str) -> str:
    """Name of a column or an axis."""
    return in_plot(said(name.replace("_", " "), language))


def _listed(
    measure: Measure, rows: Sequence[TableRow], columns: Sequence[str], language: str
) -> go.Figure:
    """Figure with one line for each row, from top to bottom."""
    figure = go.Figure()
    for number, column in enumerate(columns):
        kept = [(place, row) for place, row in enumerate(rows) if column in row.figures]
        shift = _APART * (number - (len(columns) - 1) / 2)
        figure.add_scatter(
            x=[row.figures[column].value for _, row in kept],
            y=[place + shift for place, _ in kept],
            error_x=_errors([row for _, row in kept], column),
            mode="markers", marker=_marker(column, number), name=_word(column, language),
            text=[in_plot(f"{row.name}, {row.group}") for _, row in kept],
            hovertemplate="%{text}<br>%{x:.2f}",
        )
    labels = _labels(rows)
    figure.update_yaxes(
        tickvals=list(range(len(rows))), ticktext=labels, range=[len(rows) - 0.4, -0.6],
        automargin=True, zeroline=False,
    )
    figure.update_xaxes(title_text=_word(measure.title, language))
    # All lines are as high as the label with the most lines of text.
    high = max(2, *(label.count("<br>") + 1 for label in labels))
    figure.update_layout(height=150 + 16 * high * len(rows), showlegend=len(columns) > 1)
    return figure


def _across(
    measure: Measure, rows: Sequence[TableRow], columns: Sequence[str], language: str
) -> go.Figure:
    """Figure of one column against another."""
    across = str(measure.across)
    figure = go.Figure()
    for number, column in enumerate(columns):
        kept = [row for row in rows if {column, across} <= set(row.figures)]
        figure.add_scatter(
            x=[row.figures[across].value for row in kept],
            y=[row.figures[column].value for row in kept],
            error_y=_errors(kept, column), mode="markers+text",
            text=[in_plot(row.group) for row in kept], textposition="middle right",
            marker=_marker(column, number), name=_word(column, language),
            hovertemplate="%{text}<br>%{x:.1f}, %{y:.2f}",
        )
    # Room for the labels right of the last dot.
    known = [row.figures[across].value for row in rows if across in row.figures]
    room = max(max(known) - min(known), 1.0)
    figure.update_xaxes(
        title_text=_word(across, language),
        range=[min(known) - 0.1 * room, max(known) + 0.4 * room],
    )
    figure.update_yaxes(title_text=_word(measure.title, language), automargin=True)
    figure.update_layout(height=380, showlegend=len(columns) > 1)
    return figure


def draw(made: PublishedTable, measure: Measure, language: str = "en") -> go.Figure | None:
    """The figure of one measure; None where the table has no such values."""
    rows = measure.rows(made)
    rows = [replace(r, name=said(r.name, language), group=said(r.group, language)) for r in rows]
    columns = [
        c for c in measure.columns
        if c in made.columns and any(c in row.figures for row in rows)
    ]
    if not columns:
        return None
    figure = (_across if measure.across else _listed)(measure, rows, columns, language)
    # A white background for saved images; on the page, the page's style replaces it.
    # On a phone, every entry of the legend takes a line below the mode bar.
    top = 30 + 20 * max(2, len(columns))
    sign = word("tables.decimal", language)
    figure.update_layout(
        template="plotly_white", autosize=True, separators=f"{sign}\u2009",
        margin={"l": 8, "r": 12, "t": top, "b": 48},
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0, "xanchor": "left"},
        dragmode=False,
    )
    return figure


def shown(figure: go.Figure | None, name: str) -> PlotData | None:
    """A figure for `gr.Plot`, with the settings of the image that its mode bar saves.

    Args:
        figure: A figure of `draw`.
        name: Name of the saved file.
    """
    if figure is None:
        return None
    document = json.loads(figure.to_json())
    # Gradio passes a figure's `config` to plotly, but plotly's own JSON has none.
    document["config"] = {
        "displaylogo": False,
        "displayModeBar": True,
        "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
        "toImageButtonOptions": {"format": "png", "filename": name, "scale": 2},
    }
    return PlotData(type="plotly", plot=json.dumps(document))
