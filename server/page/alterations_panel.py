"""The *Try* tab's panel of perturbations: whether the model uses the instruction at all.

Does not measure; see `robustness.evaluation.perturbations`.
"""

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from robustness.errors import RobustnessError
from robustness.evaluation.defaults import INPUTS
from robustness.stats.interval_text import CHANGE, bounds, typeset
from robustness.urgency import Urgency, urgent
from server import errors, library
from server.access import Access
from server.limits import WHOLE_TASK
from server.page import cards
from server.page.visitor import client_of
from server.settings import Settings

if TYPE_CHECKING:
    from robustness.evaluation.perturbations import Probed, Probes
    from robustness.stats.intervals import Estimate
    from robustness.workbench import Workbench

TITLE = "Does the model use the instruction at all?"
_MOST = 512
_EXPLAINED = (
    "The instruction and perturbations of it are evaluated on the same labelled inputs: a negated "
    "one, random words, the output space alone, none, wrong solved examples. If the accuracy stays "
    "the same, the model answers from the input and hardly uses the instruction. [S1] is Sun, "
    "Shaib and Wallace, [S2] Kung and Peng."
)
_RELIANCE = (
    ("over_simplified", "minus the output space alone (simplified)"),
    ("over_negated", "minus the instruction negated"),
    ("over_random_guess", "minus a random guess"),
)


def _interval(made: "Estimate | Probed", value: float) -> str:
    ends = bounds(made.low, made.high, CHANGE)
    return typeset(f"{value:{CHANGE}} ") + f'<span class="sf-keep">{typeset(ends)}</span>'


def _row(row: "Probed") -> str:
    paper = f" [{row.paper}]" if row.paper else ""
    # The original instruction's difference from itself is not shown.
    lost = "" if not row.paper else _interval(row, row.degradation)
    return (
        f"<tr><td>{escape(row.kind + paper)}</td><td>{row.accuracy:.1f} "
        f'<span class="sf-keep">{bounds(row.accuracy_low, row.accuracy_high)}</span></td>'
        f"<td>{lost}</td>"
        f'<td><div class="sf-altered">{escape(row.text)}</div></td></tr>'
    )


def _bars(made: "Probes") -> str:
    """Bars of the accuracy under each perturbation, with its interval and the random guess."""
    lines = "".join(
        f'<div class="sf-row sf-whole"><span class="name">{escape(row.kind)}</span>'
        '<span class="sf-scale sf-line"><span class="sf-axis"></span>'
        f'<span class="sf-band" style="left:{row.accuracy_low:.1f}%;'
        f'width:{row.accuracy_high - row.accuracy_low:.1f}%"></span>'
        f'<span class="sf-zero" style="left:{made.random_guess:.1f}%"></span>'
        f'<span class="sf-point" style="left:{row.accuracy:.1f}%"></span></span>'
        f'<span class="value">{row.accuracy:.1f}</span></div>'
        for row in made.rows
    )
    return (
        f'{lines}<div class="sf-sub">Accuracy from 0 to 100 points; the line is a random guess, '
        f"{made.random_guess:.1f}.</div>"
    )


def card(made: "Probes") -> str:
    """Card of the accuracy under each perturbation, those left out, and instruction reliance."""
    reliance = "".join(
        f"<tr><td>{said}</td><td>{_interval(found, found.value)}</td></tr>"
        for found, said in ((getattr(made.reliance, key), said) for key, said in _RELIANCE)
    )
    absent = "".join(
        f"<li>{escape(kind)}: {escape(why)}</li>" for kind, why in made.absent.items()
    )
    missing = f'<div class="sf-sub">Not made:<ul>{absent}</ul></div>' if absent else ""
    return cards.card(
        "Instruction reliance",
        "<div>Accuracy under your instruction, in points, 95% intervals</div>"
        f"<table><tbody>{reliance}</tbody></table>"
        '<div class="sf-sub">Interval above zero: the model uses the instruction. Interval below '
        "zero: it answers better without it. An interval that contains zero shows neither. "
        f"{escape(made.model)} on {made.n} labelled inputs of {escape(made.task)}, seed "
        f"{made.seed}.</div>",
    ) + cards.card(
        "Accuracy under altered instructions",
        _bars(made)
        + '<details><summary>numbers and wordings</summary><div class="sf-scroll"><table>'
        "<thead><tr><th>alteration</th><th>accuracy</th><th>lost</th><th>what is asked</th></tr>"
        f"</thead><tbody>{''.join(_row(row) for row in made.rows)}</tbody></table></div></details>"
        + missing,
    )


class AlterationsPanel:
    """Layout and handler of the panel."""

    def __init__(self, workbench: "Workbench", access: Access | None = None) -> None:
        self._workbench = workbench
        self._access = access or Access(Settings())
        self._queues = self._access.admission
        self._names = [t.id for t in workbench.tasks()]

    def probe(
        self,
        instruction: str,
        task: str,
        model: str,
        limit: float,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
        request: gr.Request | None = None,
    ) -> Iterator[str]:
        """Yields progress, then the result card or why there is none."""
        if not instruction.strip():
            yield cards.note(TITLE, "Type an instruction.")
            return
        if task not in self._names:
            yield cards.note(TITLE, "Choose a task: it needs labelled inputs.")
            return
        yield cards.note(TITLE, "Reading…")
        try:
            self._access.spend("prompts", client_of(request), WHOLE_TASK)
            with self._queues.generations.entered(), urgent(Urgency.LONG):
                made = library.perturbations.probe(
                    self._workbench, instruction, task=task, model=model, limit=int(limit),
                    on_progress=lambda done, total: progress((done, total), unit="prompts"),
                )
        except RobustnessError as error:
            yield cards.note(TITLE, errors.shown(error))
            return
        yield card(made)

    def build(self, instruction: Any, task: Any, model: Any) -> Any:
        """Lays out the panel; returns its event, so that other events can cancel it."""
        with gr.Accordion(TITLE, open=False, elem_id="alterations"):
            gr.Markdown(_EXPLAINED)
            with gr.Row():
                limit = gr.Slider(
                    16, _MOST, INPUTS, step=16, elem_id="alterations-limit",
                    label="Labelled inputs for each alteration, at the most",
                )
                run = gr.Button("Alter it and measure", elem_id="alter")
            result = gr.HTML(elem_id="altered")
        return run.click(
            self.probe, [instruction, task, model, limit], result, api_visibility="private"
        )
