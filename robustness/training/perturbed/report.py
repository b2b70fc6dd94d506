"""Tables and plots of the experiment.

Versions differ in colour, marker and line style, so that the plots can be read without colour.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from plotly.offline import get_plotlyjs
from plotly.subplots import make_subplots

from robustness.evaluation.study import markdown
from robustness.evaluation.study.sheets import NONE, Sheet, interval, number
from robustness.stats.intervals import Estimate
from robustness.training.perturbed.recipe import Form, Setting, Version
from robustness.training.perturbed.values import Trained, VersionResult

_TEMPLATE = "report.html.jinja"
_CONFIG = {"responsive": True, "displaylogo": False}
_LOOKS = {
    Version.ORIGINAL: ("#0072B2", "circle", "solid"),
    Version.SIMPLIFIED: ("#D55E00", "diamond", "dash"),
    Version.EMPTY: ("#555555", "x", "dot"),
    Version.DELUSIVE: ("#CC79A7", "triangle-down", "dashdot"),
    Version.CORRECT: ("#009E73", "triangle-up", "longdash"),
}
_START = "not trained"
_GUESS = "random guess"


def _of(found: Trained, setting: Setting) -> list[VersionResult]:
    return [r for r in found.rows if r.setting is setting]


def _settings(found: Trained) -> list[Setting]:
    return [s for s in Setting if _of(found, s)]


def sheets(found: Trained) -> list[Sheet]:
    """One table per setting."""
    made = []
    for setting in _settings(found):
        guess = next(g for g in found.guesses if g.setting is setting)
        rows = [(_GUESS, NONE, NONE, number(guess.exact), number(guess.rouge), NONE, NONE, NONE)]
        rows += [
            (
                str(r.version) if r.instances else _START, str(r.instances), str(r.tested),
                interval(r.exact), interval(r.rouge), number(r.unparsed),
                interval(r.exact_loss, signed=True), interval(r.rouge_loss, signed=True),
            )
            for r in _of(found, setting)
        ]
        first = _of(found, setting)[0]
        made.append(
            Sheet(
                name=setting.replace(" ", "-"), title=setting.capitalize(),
                note=f"Mean over {first.tasks} tasks and {found.recipe.seeds} seeds, "
                f"{first.inputs} inputs with balanced labels; points, 95% intervals from drawing "
                f"{'seeds and ' if found.recipe.seeds > 1 else ''}inputs again. Lost: trained on "
                "the original and tested with it, minus this version, on the same inputs; "
                "positive is worse. Unparsed: answers that name no option.",
                columns=("trained on", "inputs a task", "tested with", "exact match", "ROUGE-L",
                         "unparsed", "exact match lost", "ROUGE-L lost"),
                rows=tuple(rows),
            )
        )
    return made


def tables(found: Trained) -> str:
    """All tables as one Markdown document."""
    return "\n".join(markdown.text(sheet) for sheet in sheets(found))


def _error(rows: Sequence[Estimate]) -> dict[str, Any]:
    return {
        "type": "data", "symmetric": False, "array": [r.high - r.value for r in rows],
        "arrayminus": [r.value - r.low for r in rows], "thickness": 1,
    }


def figure(found: Trained, setting: Setting) -> Any:
    """Plot of exact match against training inputs: a panel per form, a line per version."""
    rows = _of(found, setting)
    guess = next(g for g in found.guesses if g.setting is setting)
    start = next(r for r in rows if not r.instances)
    forms = [t for t in Form if any(r.tested is t for r in rows)]
    made = make_subplots(
        rows=1, cols=len(forms), shared_yaxes=True, horizontal_spacing=0.04,
        subplot_titles=[f"tested with {form}" if form is Form.ORIGINAL else
                        f"tested with instructions {form}" for form in forms],
    )
    for column, form in enumerate(forms, start=1):
        for turn, version in enumerate(found.recipe.versions):
            # For the original version both forms of the test are the same.
            wanted = Form.ORIGINAL if version is Version.ORIGINAL else form
            line = [
                r for r in rows if r.version is version and r.tested is wanted and r.instances
            ]
            colour, symbol, dash = _LOOKS[version]
            # Shifted slightly, so that error bars do not overlap.
            shift = 1 + 0.03 * (turn - (len(found.recipe.versions) - 1) / 2)
            made.add_trace(
                go.Scatter(
                    x=[r.instances * shift for r in line], y=[r.exact.value for r in line],
                    error_y=_error([r.exact for r in line]), name=str(version),
                    mode="lines+markers",
                    legendgroup=version, showlegend=column == 1,
                    marker={"color": colour, "symbol": symbol, "size": 9},
                    line={"color": colour, "dash": dash},
                    text=[f"{r.instances} inputs: {interval(r.exact)}" for r in line],
                    hovertemplate="%{text}<extra>" + version + "</extra>",
                ),
                row=1, col=column,
            )
        ends = [min(found.recipe.instances) * 0.8, max(found.recipe.instances) * 1.25]
        levels = ((_GUESS, guess.exact, "dot"), (_START, start.exact.value, "dash"))
        for name, value, dash in levels:
            made.add_trace(
                go.Scatter(
                    x=ends, y=[value, value], mode="lines", name=name, legendgroup=name,
                    showlegend=column == 1, line={"color": "#999999", "dash": dash, "width": 1.5},
                    hovertemplate=f"{value:.1f}<extra>{name}</extra>",
                ),
                row=1, col=column,
            )
        made.update_xaxes(
            type="log", title="training inputs a task", tickvals=list(found.recipe.instances),
            ticktext=[str(n) for n in found.recipe.instances], row=1, col=column,
        )
    made.update_yaxes(range=[-2, 102])
    made.update_yaxes(title="exact match, points", row=1, col=1)
    made.update_layout(
        template="plotly_white", height=480, margin={"t": 48, "r": 24, "l": 64, "b": 120},
        legend={"orientation": "h", "y": -0.22, "yanchor": "top", "x": 0.0},
        font={"family": "system-ui, sans-serif", "size": 13},
    )
    return made


def page(found: Trained) -> str:
    """The report as HTML that needs no network."""
    environment = Environment(
        loader=FileSystemLoader([Path(__file__).parent, Path(markdown.__file__).parent]),
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )
    figures = [
        {
            "name": setting.replace(" ", "-"), "title": setting.capitalize(),
            "html": figure(found, setting).to_html(
                full_html=False, include_plotlyjs=False, config=_CONFIG,
                div_id=setting.replace(" ", "-"),
            ),
        }
        for setting in _settings(found)
    ]
    return environment.get_template(_TEMPLATE).render(
        found=found, figures=figures, sheets=sheets(found), script=get_plotlyjs(),
    )
