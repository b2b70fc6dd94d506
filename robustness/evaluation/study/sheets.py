"""The tables of an evaluation as rows of text, used for both Markdown and the HTML report.

Accuracies are in points, 95% intervals in brackets.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from robustness.evaluation.defaults import OTHER_WORDS
from robustness.evaluation.study import other_words
from robustness.evaluation.study.values import ALL, Study
from robustness.stats.interval_text import CHANGE, POINTS, with_bounds
from robustness.stats.intervals import Estimate

NONE = "–"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One table as text."""

    name: str
    """Name of its file."""
    title: str
    note: str
    """How to read it."""
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def number(value: float | None, digits: int = 1) -> str:
    """A number as text, or a dash where it is None."""
    return NONE if value is None else f"{value:.{digits}f}"


def interval(made: Estimate | None, *, signed: bool = False) -> str:
    """A value with its interval as text, or a dash where it is None."""
    if made is None:
        return NONE
    form = CHANGE if signed else POINTS
    return with_bounds(made.value, made.low, made.high, form, ends=POINTS)


def floor(value: float | None, difference: Estimate | None) -> str:
    """A noise floor as text, and whether the difference is below it; a dash where it is None."""
    if value is None or difference is None:
        return NONE
    return f"\u00b1{value:.1f}" + (", below" if abs(difference.value) < value else "")


def p_value(p: float | None) -> str:
    """A p-value as text; below 0.001 as `< 0.001`, and a dash where it is None."""
    if p is None:
        return NONE
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _with_std(made: Estimate | None, std: float | None) -> str:
    return NONE if made is None else f"{interval(made)} ({number(std, 2)})"


def _table3(study: Study) -> Sheet:
    groups = list(dict.fromkeys(r.group for r in study.groups))
    known = {(r.model, r.condition, r.group): r for r in study.groups}
    rows = []
    for model, condition in dict.fromkeys((r.model, r.condition) for r in study.groups):
        cells = []
        for group in groups:
            row = known.get((model, condition, group))
            cells += [NONE, NONE] if row is None else [
                _with_std(row.observed, row.observed_std),
                _with_std(row.unobserved, row.unobserved_std),
            ]
        rows.append((model, condition, *cells))
    columns = [f"{g}, {side}" for g in groups for side in ("observed", "unobserved")]
    return Sheet(
        name="table3", title="Accuracy under observed and unobserved instructions",
        note="The shape of Table 3 of Sun, Shaib and Wallace: mean within a task, then over "
        "tasks; in parentheses the sample standard deviation over instructions, likewise. Points; "
        "intervals from drawing instructions and inputs again, tasks fixed.",
        columns=("model", "condition", *columns), rows=tuple(rows),
    )


def _table4(study: Study) -> Sheet:
    rows = tuple(
        (r.model, r.condition, r.group, str(r.tasks), number(r.distance, 2),
         interval(r.difference, signed=True), floor(r.noise_floor, r.difference))
        for r in study.groups
    )
    return Sheet(
        name="table4", title="Distance to the nearest observed instruction, and what is lost",
        note="The shape of Table 4: L2 between mean representations, zero-shot, averaged over "
        "unobserved instructions, then tasks; accuracy under unobserved minus observed ones, over "
        "tasks that have both.",
        columns=("model", "condition", "group", "tasks", "distance", "unobserved - observed",
                 "noise floor"),
        rows=rows,
    )


def _sets(study: Study) -> Sheet:
    free = any(r.free is not None for r in study.sets)
    rows = []
    for r in study.sets:
        cells = [
            r.model, r.task, r.condition, r.set, str(r.instructions), str(r.inputs),
            interval(r.accuracy), number(r.acc_norm), number(r.chance), number(r.mass),
            number(r.std, 2), number(r.spread),
            number(r.cvar10), number(r.worst), number(r.worst_case), number(r.consistency, 3),
            number(r.pss, 3), number(r.posix, 3),
        ]
        if free:
            cells += [number(r.free), NONE if r.unparsed is None else
                      f"{r.unparsed} of {r.generated}"]
        rows.append(tuple(cells))
    columns = [
        "model", "task", "condition", "set", "instructions", "inputs", "accuracy", "acc_norm",
        "chance", "mass", "std", "spread", "CVaR10", "worst instruction", "worst case",
        "consistency", "PSS", "POSIX",
    ]
    return Sheet(
        name="sets", title="Sensitivity by task and set of instructions",
        note="acc_norm: accuracy where options are compared by log-probability per byte. Mass: "
        "probability of the options together, in points. Spread: "
        "largest minus smallest accuracy. CVaR10: mean of the worst 10% of "
        "instructions. Worst case: inputs that every instruction gets right. Consistency: share of "
        "unordered pairs of instructions that answer an input alike. PSS (ProSA): mean pairwise "
        "difference in being right, 0 to 1. POSIX: nats a token, of the chosen options' words; "
        "label-free, 0 is insensitive; instructions that ask for different words (letters, texts) "
        "move it even where their answers agree. An unparsed generated answer is counted, and is "
        "no right one.",
        columns=(*columns, *(("generated", "unparsed") if free else ())), rows=tuple(rows),
    )


def _differences(study: Study) -> Sheet:
    return Sheet(
        name="differences", title="Aligned minus original",
        note="On identical (instruction, input) cells; instructions and inputs drawn again. The "
        f"task '{ALL}' is the mean over tasks.",
        columns=("model", "condition", "task", "set", "instructions", "inputs", "difference",
                 "noise floor"),
        rows=tuple(
            (r.model, r.condition, r.task, r.set, str(r.instructions), str(r.inputs),
             interval(r.difference, signed=True), floor(r.noise_floor, r.difference))
            for r in study.differences
        ),
    )


def _lines(study: Study) -> Sheet:
    return Sheet(
        name="distance", title="Degradation against distance",
        note="Least squares over the unobserved instructions of all tasks; p of no correlation, "
        "taking them as independent, though those of one task are not.",
        columns=("model", "condition", "instructions", "points a unit", "r", "p"),
        rows=tuple(
            (r.model, r.condition, str(r.n), number(r.slope, 3), number(r.r, 2), p_value(r.p))
            for r in study.lines
        ),
    )


def _instructions(study: Study) -> Sheet:
    return Sheet(
        name="instructions", title="Every instruction",
        note="Accuracy with Wilson's interval; degradation is the mean of the task's observed "
        "instructions minus this one, positive is worse. Difference: aligned minus original on the "
        "same inputs; p: exact McNemar, after Holm over all tasks and instructions of the model "
        "and condition. A conflict is a warning, never a prediction.",
        columns=(
            "instruction", "model", "task", "condition", "collection", "observed", "inputs",
            "accuracy", "acc_norm", "degradation", "noise floor", "distance", "difference",
            "noise floor of the difference", "p", "p (Holm)",
            "unparsed", "conflict",
        ),
        rows=tuple(
            (r.text, r.model, r.task, r.condition, r.collection, "yes" if r.observed else "no",
             str(r.inputs), interval(r.accuracy), number(r.acc_norm),
             interval(r.degradation, signed=True), floor(r.noise_floor, r.degradation),
             number(r.distance, 2), interval(r.difference, signed=True),
             floor(r.difference_noise_floor, r.difference), p_value(r.p), p_value(r.p_holm),
             NONE if r.unparsed is None else str(r.unparsed),
             r.conflict or "")
            for r in study.instructions
        ),
    )


def _left(study: Study) -> Sheet:
    return Sheet(
        name="left-out", title="Left out", note="What was named but is not in the results.",
        columns=("what", "name", "reason"),
        rows=tuple((r.what, r.name, r.reason) for r in study.left),
    )


def _alterations(study: Study) -> Sheet:
    return Sheet(
        name="alterations", title="Altered instructions",
        note="The shape of Fig. 3: mean over tasks, zero-shot, 95% intervals from drawing "
        "instructions and inputs again. Closest: the observed instruction nearest to each "
        "unobserved one; the others are made from observed instructions.",
        columns=("kind", "model", "tasks", "instructions", "accuracy", "random guess"),
        rows=tuple(
            (r.kind, r.model, str(r.tasks), str(r.instructions), interval(r.accuracy),
             number(r.guess))
            for r in study.alterations
        ),
    )


def _effects(study: Study) -> Sheet:
    return Sheet(
        name="effects", title="Effects of the options' order and of a prior for labels",
        note="Zero-shot. Order: answers that another order of the options changes, accuracy in "
        "both orders, and the share of answers that are the option listed first, beside the share "
        "if the place did not matter; only instructions that list options. Prior: contextual "
        "calibration, accuracy with the options' log-probabilities on empty fields subtracted, and "
        "the probability of the most probable option there. std: of accuracy over instructions.",
        columns=(
            "model", "task", "instructions", "inputs", "accuracy", "std", "listing options",
            "changed", "accuracy, as given", "accuracy, permuted", "first", "first, if even",
            "accuracy, fillable", "calibrated", "std, calibrated", "favoured",
        ),
        rows=tuple(
            (r.model, r.task, str(r.instructions), str(r.inputs), number(r.accuracy),
             number(r.std, 2), str(r.listing), number(r.changed), number(r.listed),
             number(r.permuted), number(r.first), number(r.even), number(r.uncalibrated),
             number(r.calibrated), number(r.calibrated_std, 2), number(r.favoured))
            for r in study.effects
        ),
    )


def _surfaces(study: Study) -> Sheet:
    return Sheet(
        name="perturbations", title="Surface perturbations",
        note="Instructions changed by rule, meaning kept, zero-shot; mean over tasks. Degradation: "
        "accuracy as given minus accuracy under the change, on the same instructions and inputs, "
        "both drawn again; positive is worse. Changed: answers that are another option.",
        columns=("family", "rule", "model", "tasks", "instructions", "accuracy as given",
                 "accuracy", "degradation", "noise floor", "changed"),
        rows=tuple(
            (r.family, r.rule or ALL, r.model, str(r.tasks), str(r.instructions), number(r.given),
             number(r.accuracy), interval(r.degradation, signed=True),
             floor(r.noise_floor, r.degradation), number(r.changed))
            for r in study.surfaces if r.task == ALL
        ),
    )


def _noise(study: Study) -> Sheet:
    def again(count: int | None, of: int | None) -> str:
        return f"{count} of {of}" if of else NONE

    return Sheet(
        name="noise", title="Noise floor",
        note="The least difference that means anything, in points, 95%: the same instruction, "
        "asked again, brings about a smaller one by itself. Sampling: how far the difference of "
        "one instruction moves with other inputs of the same size (the same ones on both sides, "
        "drawn again). Repeatability: the same prompts asked alone, together in another order, and "
        "(elsewhere) in the evaluation that `--same-as` names. "
        "'below' beside a difference in the other tables: it is below its noise floor.",
        columns=("model", "condition", "task", "of", "noise floor", "sampling", "repeatability",
                 "inputs", "changed alone", "changed in another order", "changed elsewhere"),
        rows=tuple(
            (r.model, r.condition, r.task, r.of, f"\u00b1{r.value:.1f}", number(r.sampling),
             number(r.repeatability), str(r.inputs), again(r.changed_alone, r.asked_again),
             again(r.changed_reordered, r.asked_again), again(r.changed_elsewhere, r.compared))
            for r in study.noise
        ),
    )


def _variances(study: Study) -> Sheet:
    return Sheet(
        name="variance", title="Where the variance of being right comes from",
        note="Shares in points of the variance components of inputs, wordings and surface forms, "
        "all three random and crossed (analysis of variance, estimates below zero taken as zero); "
        "inputs, wordings and forms drawn again. The last component includes what no other "
        f"explains. '{ALL}': components averaged over tasks.",
        columns=("model", "task", "component", "share", "inputs", "wordings", "forms"),
        rows=tuple(
            (r.model, r.task, r.component, interval(r.share), str(r.inputs), str(r.wordings),
             str(r.surfaces))
            for r in study.variances
        ),
    )


def _places(study: Study) -> Sheet:
    return Sheet(
        name="places", title="How often two models change places",
        note="Cases: a wording of a task under a rule. Changed: share of cases in which the better "
        "model under the wording as given is the worse one under the rule; wordings drawn again. "
        "By inputs: the same share with the wordings as given on other inputs.",
        columns=("model", "against", "family", "cases", "changed", "tied", "by inputs"),
        rows=tuple(
            (r.model, r.other, r.family, str(r.cases), interval(r.changed), number(r.tied),
             number(r.by_inputs))
            for r in study.places
        ),
    )


def _other_words(study: Study) -> Sheet:
    return Sheet(
        name="other-words", title="Tasks on which option scores measure little",
        note="Accuracy by options cannot be told from a guess, and most of the probability is on "
        "other texts: the model answers in words of its own. " + OTHER_WORDS,
        columns=(
            "model", "task", "condition", "accuracy", "chance", "mass", "acc_norm", "generated",
            "unparsed",
        ),
        rows=tuple(
            (r.model, r.task, r.condition, interval(r.accuracy), number(r.chance), number(r.mass),
             number(r.acc_norm), number(r.free),
             NONE if r.unparsed is None else f"{r.unparsed} of {r.generated}")
            for r in other_words.found(study.sets)
        ),
    )


def sheets(study: Study) -> Sequence[Sheet]:
    """All tables that have rows; what was left out comes last."""
    made = [
        _other_words(study), _table3(study), _table4(study), _alterations(study),
        _surfaces(study), _variances(study), _places(study), _effects(study), _noise(study),
        _differences(study), _lines(study), _sets(study), _instructions(study), _left(study),
    ]
    return [sheet for sheet in made if sheet.rows]
