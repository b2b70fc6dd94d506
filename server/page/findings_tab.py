"""The *Findings* tab: the study of the served backbone next to the published study.

Both are read from files; does not measure.
"""

import hashlib
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from robustness.errors import EngineError, RobustnessError
from robustness.evaluation import published
from robustness.evaluation.published import PublishedTable, TableRow
from robustness.evaluation.published.text import cells
from robustness.markup import in_markdown
from robustness.storage import files
from server import errors, library
from server.page import cards
from server.page.findings_plots import draw, shown
from server.page.findings_views import PUBLISHED, View, own
from server.page.sentences import numbers, said, word

if TYPE_CHECKING:
    from robustness.workbench import Workbench

_LANGUAGE = "(...given) => [document.documentElement.lang, ...given.slice(1)]"
"""Fills the first input of an event with the page's language, which its scripts know."""
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


def table(made: PublishedTable, language: str = "en") -> str:
    """A card of a table with intervals, an explanation of them, and footnotes."""

    def plain(text: str) -> str:
        return numbers(said(text, language), language)

    def told(text: str) -> str:
        return escape(plain(text))

    # Standard deviations come last, so that the compared columns are next to each other.
    ordered = sorted(made.columns, key=lambda c: c.endswith("_std"))
    made = replace(made, columns=tuple(ordered))
    head = "<td></td>" + "".join(
        f"<th>{told(c.replace('_', ' '))}</th>" for c in made.columns
    )
    body = "".join(
        f'<tr><td>{told(row.name)} {_marks(row)}<div class="sf-interval">{told(row.group)}</div>'
        f"</td>{''.join(_cell(plain(f)) for f in cells(row, made)[2:])}</tr>"
        for row in made.rows
    )
    notes = "".join(f"<li>{told(note)}</li>" for note in made.footnotes)
    drawn = (
        word("tables.drawn", language, draws=made.draws, seed=made.seed) if made.draws else ""
    )
    intervals = word(
        "tables.intervals", language, percent=f"{made.coverage * 100:.0f}",
        interval=said(made.interval, language), drawn=drawn,
    )
    title = word(
        "tables.head", language, source=said(made.source, language),
        title=said(made.title, language), unit=said(made.unit, language),
    )
    label = escape(word("tables.table", language))
    return cards.card(
        title,
        f'<div class="sf-scroll" tabindex="0" role="group" aria-label="{label}"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        f'<div class="sf-sub">{escape(intervals)}<ol class="sf-notes">{notes}</ol></div>',
    )


def _marks(row: TableRow) -> str:
    return "".join(f"[{number}]" for number in row.notes)


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

    def opened(self, language: str, name: str) -> tuple[Any, ...]:
        """The pickers of a table, then the result of `look` for the whole table."""
        view = self._views[name]
        measures = list(view.measures)
        try:
            made = view.table()
        except RobustnessError:
            hidden = gr.update(choices=[], value=[], visible=False)
            pickers = (hidden, hidden, hidden)
        else:
            texts = (
                (dict.fromkeys(r.name for r in made.rows), said(view.lines, language)),
                (dict.fromkeys(r.group for r in made.rows), word("tables.groups", language)),
                (published.sets_of(made), word("tables.sets", language)),
            )
            pickers = tuple(_picker(_named(given, language), label) for given, label in texts)
        plotted = gr.update(
            choices=_named(measures, language), value=measures[0], visible=len(measures) > 1,
            label=word("tables.plot", language),
        )
        return (*pickers, plotted, *self.look(language, name, [], [], [], measures[0]))

    def first(self, language: str, name: str) -> tuple[Any, ...]:
        """The words of the column, then the result of `opened`."""
        tables = [(said(view.title, language), key) for key, view in self._views.items()]
        return (
            gr.update(choices=tables, label=word("tables.table", language)),
            gr.update(value=word("tables.svg", language)), *self.opened(language, name),
        )

    def look(
        self,
        language: str,
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
            why = said(errors.shown(error), language)
            return cards.note(said(view.title, language), why), hidden, hidden
        # When another table is chosen, its measures arrive with the same event.
        drawn = view.measures.get(measure, next(iter(view.measures.values())))
        figure = shown(draw(made, drawn, language), f"{self._name}-{made.name}")
        return (
            table(made, language),
            gr.update(value=figure, visible=figure is not None),
            gr.update(value=self._csv(made), visible=True, label=word("tables.csv", language)),
        )

    def build(self, page: gr.Blocks, language: gr.Textbox) -> None:
        """Lays out the column; it is filled when it is shown.

        Args:
            page: What it is laid out on.
            language: The page's language.
        """
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
        page.load(
            self.first, [language, chosen], [chosen, svg, *pickers, measure, *outputs],
            js=_LANGUAGE, show_progress="hidden", api_visibility="private",
        )
        chosen.input(
            self.opened, [language, chosen], [*pickers, measure, *outputs],
            js=_LANGUAGE, show_progress="hidden", api_visibility="private",
        )
        gr.on(
            [*(p.input for p in pickers), measure.input], self.look,
            [language, chosen, *pickers, measure], outputs,
            js=_LANGUAGE, show_progress="hidden", api_visibility="private",
        )
        svg.click(None, None, None, js=_SVG % f"{name}-plot", api_visibility="private")


def _named(values: Iterable[str], language: str) -> list[tuple[str, str]]:
    """Choices with their words."""
    return [(said(value.replace("_", " "), language), value) for value in values]


def _picker(choices: list[tuple[str, str]], label: str) -> Any:
    return gr.update(
        choices=choices, value=[], label=label, visible=len(choices) > 1
    )


def no_study(workbench: "Workbench", language: str = "en") -> str:
    """The command that makes a study, if the served model has none."""
    try:
        told = word(
            "tables.no_study", language, model=workbench.original,
            train="python -m robustness backbone train --out FOLDER",
            study=f"{library.study.COMMAND} --model FOLDER",
            calibrate="python -m robustness calibrate --model MODEL",
        )
    except EngineError:
        told = word("tables.loading", language)
    return cards.note(word("tables.own", language), told)


def build(workbench: "Workbench", page: gr.Blocks, folder: Path | None) -> None:
    """Lays out the tables of both studies; they are filled when they are shown.

    Args:
        workbench: Of the model that is served.
        page: What they are laid out on.
        folder: Folder of what ships of that model, its study among it; None: nothing does.
    """
    language = gr.Textbox("en", visible=False)
    introduction = gr.Markdown()
    with gr.Row(equal_height=False):
        with gr.Column(min_width=320):
            released = gr.Markdown()
            StudyColumn("published", PUBLISHED).build(page, language)
        with gr.Column(min_width=320):
            served = gr.Markdown()
            if folder is not None:
                StudyColumn("own", own(folder)).build(page, language)
            else:
                page.load(
                    lambda spoken: no_study(workbench, spoken), language,
                    gr.HTML(elem_id="no-study"), js=_LANGUAGE, show_progress="hidden",
                    api_visibility="private",
                )
    page.load(
        lambda spoken: headings(workbench, spoken), language, [introduction, released, served],
        js=_LANGUAGE, show_progress="hidden", api_visibility="private",
    )


def headings(workbench: "Workbench", language: str) -> tuple[str, str, str]:
    """The words above both columns, and of each."""
    try:
        name = in_markdown(workbench.original)
    except EngineError:
        name = word("tables.model", language)
    return (
        word("tables.introduction", language), f"## {word('tables.published', language)}",
        f"## {name}",
    )
