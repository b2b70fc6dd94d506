"""Renders the library's values as HTML cards; texts of users are escaped."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from robustness.stats.interval_text import CHANGE, bounds, typeset, with_bounds
from robustness.types import Comparison, Measurement, Nearest, Prediction, Prompt, Tier
from server.job_files import Job

if TYPE_CHECKING:
    from robustness.prediction.ladder import Rung
    from robustness.suggestions import Phrase, Rewording

_TIERS = {
    "distance": "distance alone (weakest evidence)",
    "probes": "unlabelled probes",
    "labelled": "labelled probes",
    "measured": "measured",
}


def card(title: str, body: str) -> str:
    """A card with a title around HTML."""
    return f'<div class="sf-card"><h3>{escape(title)}</h3>{body}</div>'


def note(title: str, message: str) -> str:
    """A card with a plain message."""
    return card(title, f"<div>{escape(message)}</div>")


def _signed(value: float) -> str:
    return typeset(f"{value:{CHANGE}}")


def _bounds(low: float, high: float) -> str:
    return typeset(bounds(low, high, CHANGE))


def _scale(
    value: float, low: float, high: float, left: float = -20.0, right: float = 60.0
) -> str:
    """A value with its interval on an axis in points, which is widened if the interval is wider."""
    left, right = min(left, low), max(right, high)

    def at(x: float) -> float:
        return 100 * (x - left) / (right - left)

    ticks = "".join(
        f'<span class="sf-tick" style="left:{at(x):.1f}%">{"0" if x == 0 else f"{x:+.0f}"}</span>'
        for x in (-20, 0, 20, 40, 60)
        if left < x < right
    )
    return (
        '<div class="sf-scale"><div class="sf-axis"></div>'
        f'<div class="sf-zero" style="left:{at(0):.1f}%"></div>'
        f'<div class="sf-band" style="left:{at(low):.1f}%;width:{at(high) - at(low):.1f}%"></div>'
        f'<div class="sf-point" style="left:{at(value):.1f}%"></div>{ticks}</div>'
    )


def prediction(made: Prediction) -> str:
    """The predicted degradation with its interval and evidence, and conflicts with the task."""
    if made.degradation is None or made.low is None or made.high is None:
        body = '<div class="sf-big">No number</div>'
    else:
        body = (
            f'<div class="sf-big">{_signed(made.degradation)} points</div>'
            f"<div>{made.coverage * 100:.0f}% interval {_bounds(made.low, made.high)} "
            "&middot; positive is worse</div>" + _scale(made.degradation, made.low, made.high)
        )
    if not made.in_support:
        body += (
            '<div class="sf-warn">Farther from every observed instruction than any in the '
            "calibration set, so no degradation is predicted.</div>"
        )
    for conflict in made.conflicts:
        body += f'<div class="sf-warn"><b>Label conflict.</b> {escape(conflict.message)}'
        if conflict.suggestion:
            body += f'<div class="sf-text">{escape(conflict.suggestion)}</div>'
        body += "</div>"
    body += (
        f'<div class="sf-sub">Evidence: {_TIERS[made.tier]}. {escape(made.basis)} '
        f"Task: {escape(made.task)} ({made.task_source}).</div>"
    )
    return card("Predicted loss of accuracy", body)


def ladder(rungs: "Sequence[Rung]") -> str:
    """The predictions of each tier of evidence, weakest first, on one axis."""
    if not rungs:
        return note("From distance to measurement", "Reading…")
    made = [r.prediction for r in rungs if r.prediction.low is not None]
    left = min([-20.0, *(p.low for p in made if p.low is not None)])
    right = max([60.0, *(p.high for p in made if p.high is not None)])
    rows = ""
    for rung in rungs:
        p = rung.prediction
        if p.degradation is None or p.low is None or p.high is None:
            rows += f"<div>{_TIERS[p.tier]}: no number. {escape(p.basis)}</div>"
            continue
        rows += (
            f'<div class="sf-rung"><div><b>{escape(_TIERS[p.tier])}</b>, {rung.calls} prompts: '
            f"{_signed(p.degradation)} points, {p.coverage * 100:.0f}% interval "
            f"{_bounds(p.low, p.high)}, {p.high - p.low:.1f} wide</div>"
            f"{_scale(p.degradation, p.low, p.high, left, right)}</div>"
        )
    last = rungs[-1]
    if last.next_calls:
        rows += f'<div class="sf-sub">Next: {last.next_calls} more prompts…</div>'
    else:
        rows += f'<div class="sf-sub">{escape(last.prediction.basis)}</div>'
    return card("From distance to measurement", rows)


def planned(plan: Mapping[Tier, int]) -> str:
    """The number of prompts that each tier of evidence needs."""
    live = plan[Tier.DISTANCE]
    text = f"A live prediction reads {live} prompts of this task"
    if Tier.MEASURED in plan:
        text += (
            f"; <i>Measure it</i> goes on to {plan[Tier.LABELLED]}, and to "
            f"{plan[Tier.MEASURED]} when everything is measured"
        )
    return f'<div class="sf-sub">{text}.</div>'


def _accuracy(neighbour: Nearest) -> str:
    return "not measured" if neighbour.accuracy is None else f"{neighbour.accuracy:.1f}"


def nearest(made: Prediction) -> str:
    """The nearest observed instructions."""
    if not made.nearest:
        return note("Nearest observed instruction", "There is none for this task.")
    first = made.nearest[0]
    rows = "".join(
        f"<tr><td>{n.distance:.2f}</td><td>{_accuracy(n)}</td>"
        f"<td>{escape(' '.join(n.text.split()))}</td></tr>"
        for n in made.nearest[1:]
    )
    body = (
        f'<div class="sf-text">{escape(first.text)}</div>'
        f"<div>distance <b>{first.distance:.2f}</b>, larger than the distance between observed "
        f"instructions in {first.percentile:.0f}% of cases &middot; measured accuracy "
        f"<b>{_accuracy(first)}</b></div>"
        f'<div class="sf-sub">{escape(first.collection)}, task {escape(first.task or "any")}</div>'
    )
    if rows:
        body += (
            "<details><summary>the next ones</summary><div class='sf-scroll'><table><tr>"
            f"<th>distance</th><th>accuracy</th><th>instruction</th></tr>{rows}</table></div></details>"
        )
    return card("Nearest observed instruction", body)


def prompt(made: Prompt) -> str:
    """The exact prompt, and the options that are scored after it."""
    words = " | ".join(made.options)
    return card(
        "The exact prompt",
        f'<div class="sf-text">{escape(made.text)}</div>'
        f'<div class="sf-sub">Scored answers: {escape(words)}</div>',
    )


def options(made: Comparison, number: int) -> str:
    """The option probabilities of one model, as bars."""
    answer = made.answers[number]
    rows = "".join(
        f'<div class="sf-row"><span class="name">{"<b>" if o == answer.option else ""}{escape(w)}'
        f'{"</b>" if o == answer.option else ""}</span><span class="sf-track">'
        f'<span class="sf-fill" style="width:{100 * p:.1f}%"></span></span>'
        f'<span class="value">{100 * p:.1f}%</span></div>'
        for o, w, p in zip(
            made.options, answer.label_words, answer.option_probabilities, strict=True
        )
    )
    return card(answer.model, rows)


def agreement(made: Comparison) -> str:
    """Whether the original and the aligned model choose the same option."""
    if len(made.answers) < 2:
        return note("Agreement", "There is one model only.")
    kind, text = ("sf-good", "They agree") if made.agree else ("sf-bad", "They disagree")
    said = ", ".join(f"{escape(a.model)}: <b>{escape(a.option)}</b>" for a in made.answers)
    return card("Agreement", f'<span class="{kind}"><b>{text}.</b></span> {said}')


def measurement(made: Measurement) -> str:
    """The measured accuracy and degradation, for comparison with the prediction."""
    if made.degradation is None or made.low is None or made.high is None:
        body = '<div class="sf-big">No baseline</div>'
    else:
        body = (
            f'<div class="sf-big">{_signed(made.degradation)} points</div>'
            f"<div>95% interval {_bounds(made.low, made.high)}</div>"
            + _scale(made.degradation, made.low, made.high)
        )
    accuracy = with_bounds(made.accuracy, made.accuracy_low, made.accuracy_high)
    observed = "not measured" if made.observed_accuracy is None else f"{made.observed_accuracy:.1f}"
    body += (
        f'<div class="sf-sub">Accuracy {accuracy} on {made.n} labelled inputs of '
        f"{escape(made.task)} ({escape(made.model)}); observed instructions {observed}.</div>"
    )
    return card("Measured loss of accuracy", body)


def rewordings(rows: "Sequence[Rewording]") -> str:
    """Suggested rewordings, least predicted degradation first."""
    if not rows:
        return note("What to ask instead", "No rewording was found.")
    body = "".join(
        f"<tr><td>{_interval(r.prediction)}</td><td>{escape(r.source)}</td>"
        f'<td class="sf-lines">{escape(r.text)}</td></tr>'
        for r in rows
    )
    return card(
        "What to ask instead",
        '<div class="sf-scroll"><table><tr><th>predicted loss</th><th>from</th>'
        f"<th>instruction</th></tr>{body}</table></div>",
    )


def _interval(made: Prediction) -> str:
    if made.degradation is None or made.low is None or made.high is None:
        return "no number"
    return f"{_signed(made.degradation)} {_bounds(made.low, made.high)}"


def moved(text: str, phrases: "Sequence[Phrase]") -> str:
    """The instruction, with its phrases marked that increase the distance to the observed ones."""
    if not phrases:
        return note("Phrases", "The instruction is a single phrase, so none can be left out.")
    largest = max(max(abs(p.moved) for p in phrases), 1e-9)
    pieces, at = [], 0
    for p in phrases:
        pieces.append(escape(text[at : p.start]))
        share = 100 * abs(p.moved) / largest
        kind = "sf-away" if p.moved > 0 else "sf-towards"
        pieces.append(
            f'<mark class="{kind}" style="--share:{share:.0f}%" title="{p.moved:+.2f}">'
            f"{escape(p.text)}</mark>"
        )
        at = p.end
    pieces.append(escape(text[at:]))
    return card(
        "Phrases that increase the distance",
        f'<div class="sf-text">{"".join(pieces)}</div>'
        '<div class="sf-sub">Distance to the nearest observed instruction with a phrase minus '
        f"without it: orange phrases increase it, teal ones decrease it, by at most {largest:.2f}. "
        "The distance is weak evidence of degradation.</div>",
    )


def history(rows: Sequence[Sequence[str]]) -> str:
    """The instructions that were tried on this visit, newest first."""
    if not rows:
        return note("This visit", "Nothing was run yet.")
    head = "".join(
        f"<th>{h}</th>" for h in ("instruction", "task", "predicted", "original", "aligned")
    )
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return card("This visit", f'<div class="sf-scroll"><table><tr>{head}</tr>{body}</table></div>')


def job(made: Job | None) -> str:
    """The state and progress of a batch job."""
    if made is None:
        return note("Job", "No job yet: upload a file and start it.")
    share = 100 * made.done / made.rows if made.rows else 0
    body = (
        f"<div><b>{escape(made.name)}</b>: {made.state}, {made.done} of {made.rows} rows</div>"
        '<div class="sf-row"><span class="sf-track">'
        f'<span class="sf-fill" style="width:{share:.0f}%">'
        f'</span></span><span class="value">{share:.0f}%</span></div>'
        f'<div class="sf-sub">{made.calls} model calls planned, {made.bad_rows} bad rows. '
        f"Job {made.id}.</div>"
    )
    if made.error:
        body += f'<div class="sf-warn">{escape(made.error)}</div>'
    return card("Job", body)
