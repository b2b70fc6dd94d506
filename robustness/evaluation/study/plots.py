"""Draws the plots of an evaluation, modelled on Figs. 2a, 2b, 3, 4, 5 and 6 of [S1].

Observed and unobserved instructions differ in colour and in the shape of the marker, so that the
plots can be read without colour.
"""

import textwrap
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from robustness.evaluation.study.values import ALL, OBSERVED, UNOBSERVED, Study
from robustness.markup import in_plot
from robustness.stats.intervals import Estimate

_COLOURS = {OBSERVED: "#0072B2", UNOBSERVED: "#D55E00"}
_SYMBOLS = {OBSERVED: "circle", UNOBSERVED: "diamond"}
_BAND = "rgba(90, 90, 90, 0.18)"
_GREY = "#444"
_HEIGHT = 460

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """One plot with its title and explanation."""

    name: str
    title: str
    note: str
    figure: Any
    """A plotly figure."""


def _hover(text: str, *more: str) -> str:
    """Hover text for plotly, wrapped, with HTML of the instruction escaped."""
    lines = [line for part in text.splitlines() for line in textwrap.wrap(part, 70)]
    shown = [*lines[:12], *(["..."] if len(lines) > 12 else []), *more]
    return "<br>".join(in_plot(line) for line in shown)


def _side(observed: bool) -> str:
    return OBSERVED if observed else UNOBSERVED


def _marker(side: str, size: int = 9) -> dict[str, Any]:
    return {"color": _COLOURS[side], "symbol": _SYMBOLS[side], "size": size, "opacity": 0.8}


def _drawn(
    choices: Sequence[Key], draw: Callable[[Key, Any], None], figure: Any,
    label: Callable[[Key], str],
) -> Any:
    """Draws all choices into one figure, with a menu that shows one at a time."""
    owners: list[int] = []
    for number, choice in enumerate(choices):
        draw(choice, figure)
        owners += [number] * (len(figure.data) - len(owners))
    for trace, owner in zip(figure.data, owners, strict=True):
        trace.visible = owner == 0
    if len(choices) > 1:
        buttons = [
            {
                "label": in_plot(label(choice)), "method": "update",
                "args": [{"visible": [owner == number for owner in owners]}],
            }
            for number, choice in enumerate(choices)
        ]
        figure.update_layout(
            updatemenus=[{"buttons": buttons, "x": 0.0, "xanchor": "left", "y": 1.18,
                          "yanchor": "bottom", "pad": {"b": 4}}]
        )
    figure.update_layout(
        template="plotly_white", height=_HEIGHT, margin={"t": 96, "r": 24, "l": 64, "b": 64},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1.0, "xanchor": "right"},
        font={"family": "system-ui, sans-serif", "size": 13},
    )
    return figure


def _models(study: Study) -> list[tuple[str, str]]:
    return list(dict.fromkeys((r.model, r.condition) for r in study.instructions))


def _by_model(key: tuple[str, str]) -> str:
    return ", ".join(key)


def _by_collection(study: Study) -> Plot:
    def draw(key: tuple[str, str], figure: Any) -> None:
        for side in (OBSERVED, UNOBSERVED):
            rows = [
                r for r in study.instructions
                if (r.model, r.condition) == key and _side(r.observed) == side
            ]
            if rows:
                figure.add_trace(
                    go.Box(
                        x=[in_plot(r.collection) for r in rows], y=[r.accuracy.value for r in rows],
                        name=side, boxpoints="all", jitter=0.5, pointpos=0.0,
                        marker=_marker(side, 6), line={"width": 1},
                        fillcolor="rgba(0, 0, 0, 0)",
                        text=[_hover(r.text, f"{r.task}: {r.accuracy.value:.1f}") for r in rows],
                        hoverinfo="text",
                    )
                )

    figure = _drawn(_models(study), draw, go.Figure(), _by_model)
    figure.update_yaxes(title="accuracy, points", range=[-3, 103])
    figure.update_xaxes(title="collection")
    return Plot(
        name="by-collection", title="Accuracy by collection",
        note="The shape of Fig. 2a: each point is one instruction on one task.", figure=figure,
    )


def _overall(study: Study) -> Plot:
    conditions = list(dict.fromkeys(r.condition for r in study.groups))
    groups = {r.group for r in study.groups}
    wanted = ALL if ALL in groups else min(groups)

    def draw(condition: str, figure: Any) -> None:
        rows = [r for r in study.groups if r.condition == condition and r.group == wanted]
        for side in (OBSERVED, UNOBSERVED):
            known = [(r.model, made) for r in rows if (made := _of(r, side)) is not None]
            if known:
                figure.add_trace(
                    go.Bar(
                        x=[in_plot(model) for model, _ in known],
                        y=[made.value for _, made in known],
                        name=side, marker={
                            "color": _COLOURS[side],
                            "pattern": {"shape": "" if side == OBSERVED else "/"},
                        },
                        error_y=_error([made for _, made in known]),
                        hovertemplate="%{x}<br>%{y:.1f}<extra>" + side + "</extra>",
                    )
                )

    figure = _drawn(conditions, draw, go.Figure(), str)
    figure.update_layout(barmode="group")
    figure.update_yaxes(title="accuracy, points", range=[0, 103])
    return Plot(
        name="by-model", title="Accuracy by model",
        note="The shape of Fig. 2b: mean over tasks; bars are 95% intervals from drawing "
        "instructions and inputs again.", figure=figure,
    )


def _by_condition(study: Study) -> Plot:
    """Degradation without and with solved examples (the rows hold unobserved minus observed)."""
    groups = {r.group for r in study.groups}
    wanted = ALL if ALL in groups else min(groups)
    figure = go.Figure()
    for model in study.models:
        rows = [
            (r.condition, r.difference) for r in study.groups
            if r.model == model and r.group == wanted and r.difference is not None
        ]
        losses = [Estimate(value=-d.value, low=-d.high, high=-d.low) for _, d in rows]
        if rows:
            figure.add_trace(
                go.Bar(
                    x=[in_plot(condition) for condition, _ in rows],
                    y=[made.value for made in losses],
                    name=in_plot(model), error_y=_error(losses),
                    hovertemplate="%{x}<br>%{y:.1f}<extra>" + in_plot(model) + "</extra>",
                )
            )
    figure.update_layout(
        barmode="group", template="plotly_white", height=_HEIGHT,
        font={"family": "system-ui, sans-serif", "size": 13}, showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1.0, "xanchor": "right"},
    )
    figure.update_yaxes(title="degradation, points (positive is worse)")
    return Plot(
        name="by-condition", title="Degradation without and with solved examples",
        note="The shape of Fig. 6: observed minus unobserved accuracy, mean over tasks that have "
        "both; bars are 95% intervals from drawing instructions and inputs again.",
        figure=figure,
    )


def _of(row: Any, side: str) -> Estimate | None:
    found: Estimate | None = row.observed if side == OBSERVED else row.unobserved
    return found


def _error(rows: Sequence[Estimate]) -> dict[str, Any]:
    return {
        "type": "data", "symmetric": False, "array": [r.high - r.value for r in rows],
        "arrayminus": [r.value - r.low for r in rows], "color": _GREY,
    }


def _against_distance(study: Study) -> Plot:
    lines = {(r.model, r.condition): r for r in study.lines}

    def draw(key: tuple[str, str], figure: Any) -> None:
        rows = [
            r for r in study.instructions
            if (r.model, r.condition) == key and not r.observed
            and r.distance is not None and r.degradation is not None
        ]
        line = lines.get(key)
        if line is not None:
            ends = [line.intercept + line.slope * x for x in line.x]
            figure.add_trace(
                go.Scatter(
                    x=[*line.x, *reversed(line.x)], y=[*line.high, *reversed(line.low)],
                    fill="toself", fillcolor=_BAND, line={"width": 0}, name="95% of the mean",
                    hoverinfo="skip",
                )
            )
            p = "p < 0.001" if line.p < 0.001 else f"p = {line.p:.3f}"
            figure.add_trace(
                go.Scatter(
                    x=line.x, y=ends, mode="lines", line={"color": _GREY},
                    name=f"r = {line.r:.2f}, {p}, n = {line.n}", hoverinfo="skip",
                )
            )
        figure.add_trace(
            go.Scatter(
                x=[r.distance for r in rows],
                y=[r.degradation.value for r in rows if r.degradation is not None],
                mode="markers", marker=_marker(UNOBSERVED), name=UNOBSERVED, hoverinfo="text",
                text=[_hover(r.text, f"{r.task}, {r.collection}") for r in rows],
            )
        )

    figure = _drawn(_models(study), draw, go.Figure(), _by_model)
    figure.update_xaxes(title="distance to the nearest observed instruction (L2)")
    figure.update_yaxes(title="degradation, points (positive is worse)")
    return Plot(
        name="distance", title="Degradation against distance",
        note="The shape of Fig. 5: each point is one unobserved instruction on one task. The "
        "p-value takes the points as independent, though those of one task are not.",
        figure=figure,
    )


def _maps(study: Study) -> Plot:
    known = {(m.task, m.model): m for m in study.maps}
    texts = {r.instruction_id: r for r in study.instructions}
    figure = make_subplots(rows=1, cols=2, subplot_titles=("PCA", "t-SNE"))

    def draw(key: tuple[str, str], figure: Any) -> None:
        for column in (1, 2):
            for side in (OBSERVED, UNOBSERVED):
                points = [p for p in known[key].points if _side(p.observed) == side]
                places = [p.pca if column == 1 else p.tsne for p in points]
                drawn = [(p, at) for p, at in zip(points, places, strict=True) if at is not None]
                rows = [texts.get(p.instruction_id) for p, _ in drawn]
                if drawn:
                    figure.add_trace(
                        go.Scatter(
                            x=[at[0] for _, at in drawn], y=[at[1] for _, at in drawn],
                            mode="markers", marker=_marker(side), name=side, legendgroup=side,
                            showlegend=column == 1, hoverinfo="text",
                            text=["" if r is None else _hover(r.text, r.collection) for r in rows],
                        ),
                        row=1, col=column,
                    )

    figure = _drawn(list(known), draw, figure, _by_model)
    # Above the names of the two maps.
    figure.update_layout(legend={"y": 1.1})
    figure.update_xaxes(showticklabels=False)
    figure.update_yaxes(showticklabels=False)
    return Plot(
        name="maps", title="Where instructions lie",
        note="The shape of Fig. 4, a point an instruction: its mean representation over the "
        "task's inputs (penultimate layer, first decoded token), zero-shot. PCA keeps distances as "
        "far as two dimensions can; t-SNE keeps neighbours, not distances.",
        figure=figure,
    )


def _gains(study: Study) -> Plot:
    keys = list(dict.fromkeys((r.model, r.condition) for r in study.differences))

    def draw(key: tuple[str, str], figure: Any) -> None:
        for side in (OBSERVED, UNOBSERVED):
            rows = [
                r for r in study.differences if (r.model, r.condition) == key and r.set == side
            ]
            if rows:
                figure.add_trace(
                    go.Scatter(
                        x=[in_plot(r.task) for r in rows], y=[r.difference.value for r in rows],
                        mode="markers", name=side, marker=_marker(side, 10),
                        error_y=_error([r.difference for r in rows]),
                        hovertemplate="%{x}<br>%{y:+.1f}<extra>" + side + "</extra>",
                    )
                )

    figure = _drawn(keys, draw, go.Figure(), _by_model)
    figure.update_layout(scattermode="group")
    figure.update_yaxes(title="aligned - original, points")
    return Plot(
        name="aligned", title="Aligned minus original",
        note="On identical (instruction, input) cells, 95% intervals from drawing both again.",
        figure=figure,
    )


def _by_alteration(study: Study) -> Plot:
    def draw(model: str, figure: Any) -> None:
        rows = [r for r in study.alterations if r.model == model]
        figure.add_trace(
            go.Bar(
                x=[in_plot(r.kind) for r in rows], y=[r.accuracy.value for r in rows],
                name=in_plot(model),
                marker={"color": [_COLOURS.get(r.kind, _GREY) for r in rows]},
                error_y=_error([r.accuracy for r in rows]),
                hovertemplate="%{x}<br>%{y:.1f}<extra></extra>", showlegend=False,
            )
        )
        guess = next((r.guess for r in rows if r.guess is not None), None)
        if guess is not None:
            figure.add_trace(
                go.Scatter(
                    x=[in_plot(r.kind) for r in rows], y=[guess] * len(rows), name="random guess",
                    mode="lines", line={"dash": "dash", "color": _GREY}, hoverinfo="skip",
                )
            )

    models = list(dict.fromkeys(r.model for r in study.alterations))
    figure = _drawn(models, draw, go.Figure(), str)
    figure.update_yaxes(title="accuracy, points", range=[0, 103])
    return Plot(
        name="by-alteration", title="Accuracy by what was done to the instruction",
        note="The shape of Fig. 3: mean over tasks, zero-shot, 95% intervals.", figure=figure,
    )


def _by_family(study: Study) -> Plot:
    figure = go.Figure()
    for model in study.models:
        rows = [
            r for r in study.surfaces if r.model == model and r.task == ALL and not r.rule
        ]
        figure.add_trace(
            go.Scatter(
                x=[in_plot(r.family) for r in rows], y=[r.degradation.value for r in rows],
                mode="markers", name=in_plot(model), marker={"size": 10},
                error_y=_error([r.degradation for r in rows]),
                hovertemplate="%{x}<br>%{y:+.1f}<extra>" + in_plot(model) + "</extra>",
            )
        )
    figure.update_layout(
        scattermode="group", template="plotly_white", height=_HEIGHT, showlegend=True,
        font={"family": "system-ui, sans-serif", "size": 13},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1.0, "xanchor": "right"},
    )
    figure.update_yaxes(title="degradation, points (positive is worse)")
    return Plot(
        name="by-family", title="Degradation by family of surface perturbations",
        note="Accuracy as given minus accuracy under the change, on the same instructions and "
        "inputs; mean over tasks, 95% intervals.", figure=figure,
    )


def plots(study: Study) -> list[Plot]:
    """All plots for which the evaluation has data."""
    made = [_by_collection(study), _overall(study), _against_distance(study)]
    if len({r.condition for r in study.groups if r.difference is not None}) > 1:
        made.append(_by_condition(study))
    if study.alterations:
        made.append(_by_alteration(study))
    if study.surfaces:
        made.append(_by_family(study))
    if study.maps:
        made.append(_maps(study))
    if study.differences:
        made.append(_gains(study))
    return made
