"""The *Findings* tab: the study of the served backbone next to the published study.

Both are read from files; does not measure.
"""

import hashlib
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from robustness import paths
from robustness.errors import EngineError, RobustnessError
from robustness.evaluation import published
from robustness.evaluation.published import PublishedTable
from robustness.evaluation.published.text import cells
from robustness.markup import in_markdown
from robustness.storage import files
from server import errors, library
from server.page import cards
from server.page.findings_plots import draw, shown
from server.page.findings_views import OWN, PUBLISHED, View

if TYPE_CHECKING:
    from robustness.workbench import Workbench

_INTRODUCTION = """
The study of Sun, Shaib and Wallace, recomputed from the accuracies that its authors released, next
to the same study of the backbone that this page serves. Footnotes explain what looks like
degradation but is an artefact: compare the columns *degradation* and *without artefacts*. If no
line is picked, all are shown.
"""
_OUTPUTS = 7
"""Number of outputs: three pickers, choice of the figure, card, figure, CSV."""
# Plotly's mode bar saves PNG only; this saves SVG.
_SVG = """() => {
  const plot = document.querySelector('#%s .js-plotly-plot');
  if (plot) window.Plotly.downloadImage(plot, {format: 'svg', filename: plot._context
    .toImageButtonOptions.filename, width: plot.clientWidth, height: plot.clientHeight});
}"""


def _cell(text: str) -> str:
    """A cell of a table: the number with its interval below, as the column is narrow."""
    value, _, rest = text.partition(" ")
    return f'<td>{escape(value)}<div class="sf-interval">{escape(rest)}</div></td>'


def table(made: PublishedTable) -> str:
    """A card of a table with intervals, an explanation of them, and footnotes."""
    # Standard deviations come last, so that the compared columns are next to each other.
    ordered = sorted(made.columns, key=lambda c: c.endswith("_std"))
    made = replace(made, columns=tuple(ordered))
    head = "<td></td>" + "".join(
        f"<th>{escape(c.replace('_', ' '))}</th>" for c in made.columns
    )
    body = "".join(
        f'<tr><td>{escape(name)}<div class="sf-interval">{escape(group)}</div></td>'
        f"{''.join(_cell(figure) for figure in figures)}</tr>"
        for name, group, *figures in (cells(row, made) for row in made.rows)
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in made.footnotes)
    drawn = f" ({made.draws} draws, seed {made.seed})" if made.draws else ""
    return cards.card(
        f"{made.source}. {made.title}, in {made.unit}",
        '<div class="sf-scroll" tabindex="0" role="group" aria-label="Table"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        f'<div class="sf-sub">{made.coverage * 100:.0f}% intervals: {escape(made.interval)}'
        f'{drawn}.<ol class="sf-notes">{notes}</ol></div>',
    )


class StudyColumn:
    """One study's column of the page: choice of the table, pickers, table, figure and files."""

    def __init__(self, name: str, views: Mapping[str, View]) -> None:
        self._name = name
        self._views = views
        self._folder = Path(tempfile.mkdtemp(prefix="steadfast-findings-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)

    def _csv(self, made: PublishedTable) -> str:
        text = published.frame(made).to_csv(index=False)
        # The name depends on the text, since visitors may have picked different parts of a table.
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        path = self._folder / digest / f"{self._name}-{made.name}.csv"
        with files.atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
        return str(path)

    def opened(self, name: str) -> tuple[Any, ...]:
        """The pickers of a table, then the result of `look` for the whole table."""
        view = self._views[name]
        measures = list(view.measures)
        try:
            made = view.table()
        except RobustnessError:
            hidden = gr.update(choices=[], value=[], visible=False)
            pickers = (hidden, hidden, hidden)
        else:
            pickers = (
                _picker(list(dict.fromkeys(r.name for r in made.rows)), view.lines),
                _picker(list(dict.fromkeys(r.group for r in made.rows)), "Task types"),
                _picker(list(published.sets_of(made)), "Collections"),
            )
        plotted = gr.update(choices=measures, value=measures[0], visible=len(measures) > 1)
        return (*pickers, plotted, *self.look(name, [], [], [], measures[0]))

    def first(self, filled: bool, name: str) -> tuple[Any, ...]:
        """The result of `opened`, once in a visit: a return to the tab keeps what was picked."""
        if filled:
            return (True, *[gr.skip()] * _OUTPUTS)
        return (True, *self.opened(name))

    def look(
        self,
        name: str,
        lines: Sequence[str],
        groups: Sequence[str],
        sets: Sequence[str],
        measure: str,
    ) -> tuple[Any, Any, Any]:
        """The card, figure and CSV of the picked part of a table."""
        view = self._views[name]
        try:
            made = published.pick(view.table(), names=lines, groups=groups, sets=sets)
        except RobustnessError as error:
            hidden = gr.update(visible=False)
            return cards.note(view.title, errors.shown(error)), hidden, hidden
        # When another table is chosen, its measures arrive with the same event.
        drawn = view.measures.get(measure, next(iter(view.measures.values())))
        figure = shown(draw(made, drawn), f"{self._name}-{made.name}")
        return (
            table(made),
            gr.update(value=figure, visible=figure is not None),
            gr.update(value=self._csv(made), visible=True),
        )

    def build(self, tab: gr.Tab) -> None:
        """Lays out the column; it is filled when the tab is opened."""
        first = next(iter(self._views))
        name = self._name
        chosen = gr.Dropdown(
            [(view.title, key) for key, view in self._views.items()], value=first,
            label="Table", elem_id=f"{name}-table",
        )
        with gr.Row():
            pickers = [
                gr.Dropdown(
                    [], value=[], multiselect=True, visible=False, min_width=150,
                    elem_id=f"{name}-{what}",
                )
                for what in ("lines", "groups", "sets")
            ]
        measure = gr.Radio([], label="Plot", visible=False, elem_id=f"{name}-measure")
        plot = gr.Plot(show_label=False, elem_id=f"{name}-plot", elem_classes="sf-plot")
        with gr.Row():
            csv = gr.DownloadButton("Table as CSV", size="sm", elem_id=f"{name}-csv")
            svg = gr.Button("Plot as SVG", size="sm", elem_id=f"{name}-svg")
        shown_table = gr.HTML(elem_id=f"{name}-card")
        outputs = [shown_table, plot, csv]
        filled = gr.State(False)
        tab.select(
            self.first, [filled, chosen], [filled, *pickers, measure, *outputs],
            show_progress="hidden", api_visibility="private",
        )
        chosen.input(
            self.opened, chosen, [*pickers, measure, *outputs],
            show_progress="hidden", api_visibility="private",
        )
        gr.on(
            [*(p.input for p in pickers), measure.input], self.look,
            [chosen, *pickers, measure], outputs,
            show_progress="hidden", api_visibility="private",
        )
        svg.click(None, None, None, js=_SVG % f"{name}-plot", api_visibility="private")


def _picker(choices: list[str], label: str) -> Any:
    return gr.update(
        choices=choices, value=[], label=label, visible=len(choices) > 1
    )


def no_study(workbench: "Workbench") -> str:
    """The command that makes a study, if the served model has none."""
    return cards.note(
        "This model's study",
        f"The study that ships is of {paths.BACKBONE_ID}; this page serves {workbench.original}. "
        "For a backbone made by `python -m robustness backbone train --out FOLDER`, "
        f"`{library.study.COMMAND} --model FOLDER` measures one and writes it to FOLDER/CARD.md; "
        "for any other model `python -m robustness calibrate --model MODEL` measures the "
        "unobserved instructions, and the About tab shows what came of it.",
    )


def build(workbench: "Workbench", tab: gr.Tab) -> None:
    """Lays out the tables of both studies; they are filled when the tab is opened."""
    gr.Markdown(_INTRODUCTION)
    with gr.Row(equal_height=False):
        with gr.Column(min_width=320):
            gr.Markdown("## Published")
            StudyColumn("published", PUBLISHED).build(tab)
        with gr.Column(min_width=320):
            served = gr.Markdown("## The model")
            with gr.Column(visible=False) as own:
                StudyColumn("own", OWN).build(tab)
            absent = gr.HTML(
                cards.note("This model's study", "The model is being loaded."),
                elem_id="no-study",
            )
    tab.select(
        lambda: loaded(workbench), None, [served, own, absent], show_progress="hidden",
        api_visibility="private",
    )


def loaded(workbench: "Workbench") -> tuple[Any, Any, Any]:
    """The model's name, and its study or why there is none; nothing while it is being loaded."""
    try:
        name = workbench.original
    except EngineError:
        return gr.skip(), gr.skip(), gr.skip()
    ships = name == paths.BACKBONE_ID
    return (
        f"## {in_markdown(name)}",
        gr.update(visible=ships),
        gr.update(value="" if ships else no_study(workbench), visible=not ships),
    )
