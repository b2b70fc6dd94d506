"""The *About* tab: what the numbers mean and how accurate they are.

Every figure is read from the calibration and the model card; none is written in this file.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr
from plotly.subplots import make_subplots

from robustness import paths
from robustness.errors import EngineError, RobustnessError
from robustness.markup import in_markdown
from robustness.stats.interval_text import CHANGE, with_bounds
from robustness.types import TaskSource
from server import errors
from server.page.look import ACCENT, CONTRAST

if TYPE_CHECKING:
    from robustness.prediction.degradation import Calibration, HeldOut
    from robustness.workbench import Workbench

_ACROSS = 4
_MEANING = """
**Degradation** is the mean accuracy over the observed instructions of a task minus the accuracy
under this one, in points. Positive is worse. The **interval** is cross-conformal: it was
calibrated on unobserved instructions, each predicted without its cluster of near-duplicates. If an
instruction is farther from the observed ones than any in the calibration set, **no degradation is
predicted**. A **label conflict** warns that the instruction asks for answers that are not among the
scored options.
"""


def _skill(calibration: "Calibration | None") -> str:
    if calibration is None:
        return (
            "This model has no calibration: neighbours and distances are shown, and no degradation "
            "is predicted."
        )
    rows = [
        "All figures are in points, on unobserved-development; each instruction was predicted "
        "without its cluster of near-duplicates. *Gain* is the error of the constant minus that "
        "of the predictor, with an interval from resampling tasks.",
        "",
        "| task, evidence | n | error (MAE) | constant's | distance alone | gain | Spearman | "
        "within tasks | AUROC, loss over 5 | coverage | width | |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, fitted in calibration.tiers.items():
        s = fitted.skill
        low, high = s.intervals.get("gain", (float("nan"), float("nan")))
        rows.append(
            f"| {name} | {s.n} | {s.mae:.1f} | {s.mae_constant:.1f} | {s.mae_distance:.1f} | "
            f"{with_bounds(s.gain, low, high, CHANGE)} | {_number(s.spearman)} | "
            f"{_number(s.spearman_within)} | {_number(s.auroc)} | {s.coverage * 100:.0f}% | "
            f"{s.width:.1f} | {'' if s.shown else 'no skill shown'} |"
        )
    return "\n".join(rows)


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"


def plot(calibration: "Calibration") -> Any:
    """Plot of predicted against measured degradation in points, by tier, with the diagonal."""
    tiers = {n: t for n, t in calibration.tiers.items() if n.startswith(TaskSource.GIVEN)}
    titles = [
        f"{name.split(', ', 1)[1]}<br>coverage {fitted.skill.coverage * 100:.0f}%"
        for name, fitted in tiers.items()
    ]
    lines = math.ceil(len(tiers) / _ACROSS)
    figure = make_subplots(
        lines, _ACROSS, subplot_titles=titles, shared_xaxes="all", shared_yaxes="all",
        x_title="predicted loss, points", y_title="measured loss, points",
    )
    values = [v for fitted in tiers.values() for pair in fitted.pairs for v in pair]
    ends = [min(values), max(values)]
    for number, fitted in enumerate(tiers.values()):
        at = {"row": number // _ACROSS + 1, "col": number % _ACROSS + 1}
        figure.add_scatter(
            x=[p for p, _ in fitted.pairs], y=[m for _, m in fitted.pairs], mode="markers",
            marker={"color": ACCENT, "size": 6}, **at,
        )
        figure.add_scatter(
            x=ends, y=ends, mode="lines", line={"color": CONTRAST, "width": 1}, hoverinfo="skip",
            **at,
        )
    figure.update_layout(
        template="plotly_white", showlegend=False, height=120 + 260 * lines,
        margin={"l": 70, "r": 10, "t": 70, "b": 60},
    )
    return figure


def skill(workbench: "Workbench") -> str:
    """The accuracy of the predictions, as Markdown."""
    try:
        return _skill(workbench.calibration()) + _held_out(workbench.held_out())
    except RobustnessError as error:
        return in_markdown(errors.shown(error))


def _held_out(rows: "Sequence[HeldOut]") -> str:
    """Coverage and width of the intervals on held-out instructions, as Markdown."""
    if not rows:
        return ""
    lines = [
        "",
        "",
        "**On unobserved-test**, evaluated once with the calibration above; the intervals of "
        "coverage are 95% Wilson intervals.",
        "",
        "| task, evidence | type | n | abstained | coverage | width | error (MAE) | constant's |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        lines.append(
            f"| {r.tier} | {r.task_type} | {r.n} | {r.abstained} | {_share(r.coverage)} "
            f"[{_share(r.coverage_low)}, {_share(r.coverage_high)}] | {_points(r.width)} | "
            f"{_points(r.mae)} | {_points(r.mae_constant)} |"
        )
    return "\n".join(lines)


def _share(value: float | None) -> str:
    return "undefined" if value is None else f"{100 * value:.0f}%"


def _points(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.1f}"


def card(workbench: "Workbench") -> str:
    """The model card of the backbone as Markdown; empty for another model."""
    path = paths.BACKBONE / "CARD.md"
    if workbench.original != paths.BACKBONE_ID or not path.is_file():
        return ""
    return path.read_text(encoding="utf-8")


def build(workbench: "Workbench") -> list[Any]:
    """Lays the tab out; gives what `loaded` fills."""
    gr.Markdown(f"## What the numbers mean\n{_MEANING}\n## How good the prediction is")
    described = gr.Markdown(skill(workbench), elem_id="skill")
    plotted = gr.Plot(show_label=False, visible=False, elem_id="reliability")
    return [described, plotted, gr.Markdown(elem_id="card")]


def loaded(workbench: "Workbench") -> tuple[Any, Any, Any]:
    """How good the prediction is, its plot, and the model's card.

    Raises:
        EngineError: The model is not loaded.
    """
    try:
        calibration = workbench.calibration()
    except EngineError:
        raise
    except RobustnessError:
        calibration = None
    if calibration is None:
        return skill(workbench), gr.update(visible=False), card(workbench)
    return (
        skill(workbench), gr.update(value=plot(calibration), visible=True), card(workbench)
    )
