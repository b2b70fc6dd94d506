"""Values as plain text for a terminal.

Refuses to compute: it writes down what the library found, in points.
"""

from collections.abc import Mapping, Sequence

from robustness.data import tasks
from robustness.data.importers.sources import Receipt
from robustness.evaluation.perturbations import Probes
from robustness.evaluation.prompteval.runner import BudgetReport
from robustness.evaluation.study import Left, Outcome, Plan
from robustness.paraphrasing.pipeline import Plan as Rewriting
from robustness.paraphrasing.pipeline import Receipt as Rewritten
from robustness.paraphrasing.token_cost import Bill, Spent
from robustness.prediction.degradation import HeldOut, Skill
from robustness.prediction.index_service import IndexCard
from robustness.prediction.predictor import Rung
from robustness.scoring.batch import Summary
from robustness.stats.intervals import Estimate
from robustness.suggestions import Phrase, Rewording
from robustness.training import perturbed as trained_on
from robustness.training.backbone.train import Progress
from robustness.types import Comparison, Prediction, Tier

RECALIBRATE = (
    "a calibration measured with the index before is refused from now on; calibrate again with: "
    "python -m robustness calibrate"
)


def _short(text: str, width: int = 72) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def _points(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.1f}"


def prediction(made: Prediction) -> str:
    """A prediction with its neighbours and conflicts."""
    lines = [f"Task: {made.task} ({made.task_source})"]
    if made.degradation is None:
        lines.append("Predicted degradation: no number")
    else:
        lines.append(
            f"{'Measured' if made.tier is Tier.MEASURED else 'Predicted'} degradation: "
            f"{made.degradation:.1f} points, "
            f"{made.coverage * 100:.0f}% interval [{made.low:.1f}, {made.high:.1f}]"
        )
    lines += [f"Evidence: {made.tier}. {made.basis}"]
    lines += [f"Conflict: {c.message}" for c in made.conflicts]
    # Conflicts of one instruction share their rewriting.
    lines += dict.fromkeys(f"Rewritten: {c.suggestion}" for c in made.conflicts if c.suggestion)
    lines.append("Nearest observed instructions:")
    lines += [
        f"  distance {n.distance:.2f} (percentile {n.percentile:.0f}), accuracy "
        f"{_points(n.accuracy)}: {_short(n.text)}"
        for n in made.nearest
    ]
    return "\n".join(lines)


def rung(made: Rung) -> str:
    """One step of evidence in a line."""
    p = made.prediction
    if p.degradation is None:
        return f"{p.tier}, {made.calls} prompts: no number"
    return (
        f"{p.tier}, {made.calls} prompts: {p.degradation:.1f} points, "
        f"{p.coverage * 100:.0f}% interval [{p.low:.1f}, {p.high:.1f}]"
    )


def advised(rows: Sequence[Rewording], phrases: Sequence[Phrase]) -> str:
    """Rewordings, least predicted loss first, and what each phrase moves."""
    lines = ["Rewordings, predicted loss in points:"]
    for row in rows:
        p = row.prediction
        number = "no number" if p.degradation is None else (
            f"{p.degradation:.1f} [{p.low:.1f}, {p.high:.1f}]"
        )
        lines.append(f"  {number}, {row.source}: {_short(row.text)}")
    if phrases:
        lines.append("Distance to the nearest observed with each phrase minus without it:")
        lines += [f"  {p.moved:+.2f}  {_short(p.text)}" for p in phrases]
    return "\n".join(lines)


_STOPPED = {
    "width": "every interval is as narrow as asked",
    "budget": "the budget is spent",
    "complete": "every cell was asked",
}


def budget(made: BudgetReport) -> str:
    """Quantiles of accuracy over instructions, the worst instruction and the best."""
    q = made.found
    lines = [
        f"{made.task}, {made.model}: {len(made.instructions)} instructions, {made.inputs} inputs",
        f"{q.asked} of {q.cells} cells asked ({100 * q.asked / q.cells:.0f}%), {made.called} of "
        f"them now: {_STOPPED.get(q.stopped, q.stopped)}",
        f"Accuracy over instructions, {100 * q.coverage:.0f}% intervals:",
    ]
    lines += [
        f"  {100 * row.level:.0f}%: {row.value:.1f} [{row.low:.1f}, {row.high:.1f}]"
        for row in q.quantiles
    ]
    lines.append(f"  mean: {q.mean.value:.1f} [{q.mean.low:.1f}, {q.mean.high:.1f}]")
    ordered = sorted(zip(q.accuracies, made.instructions, strict=True))
    lines += [f"  lowest, {a:.1f}: {_short(t)}" for a, t in ordered[:3]]
    lines += [f"  highest, {a:.1f}: {_short(t)}" for a, t in ordered[-3:]]
    return "\n".join(lines)


def comparison(made: Comparison) -> str:
    """Both models' answers under the prompt that they saw."""
    lines = ["Prompt:", *(f"  {line}" for line in made.prompt.splitlines()), ""]
    for answer in made.answers:
        chances = ", ".join(
            f"{option} {chance * 100:.1f}%"
            for option, chance in zip(made.options, answer.option_probabilities, strict=True)
        )
        lines.append(f"{answer.model}: {answer.option} ({chances})")
    if len(made.answers) > 1:
        lines.append("They agree." if made.agree else "They disagree.")
    return "\n".join(lines)


def probes(made: Probes) -> str:
    """Accuracy under every alteration, then how much the model relies on the instruction."""
    lines = [
        f"{made.model} on {made.n} labelled inputs of {made.task}; accuracy in points, 95% "
        f"intervals; a random guess gives {made.random_guess:.1f}",
    ]
    lines += [
        f"  {row.kind:<18} {row.accuracy:5.1f} [{row.accuracy_low:.1f}, {row.accuracy_high:.1f}], "
        f"lost {row.degradation:.1f} [{row.low:.1f}, {row.high:.1f}]  {_short(row.text, 60)}"
        for row in made.rows
    ]
    lines += [f"  {kind:<18} not made: {why}" for kind, why in made.absent.items()]
    reliance = made.reliance
    lines.append("Instruction reliance, accuracy under the given instruction minus accuracy:")
    lines += [
        f"  {what}: {_interval(difference)}"
        for what, difference in (
            ("with the output space alone (simplified)", reliance.over_simplified),
            ("with the instruction negated", reliance.over_negated),
            ("of a random guess", reliance.over_random_guess),
        )
    ]
    return "\n".join(lines)


def _interval(made: Estimate) -> str:
    return f"{made.value:+.1f} [{made.low:.1f}, {made.high:.1f}]"


def cards(made: Sequence[IndexCard]) -> str:
    """Indexes and calibrations."""
    lines = []
    for card in made:
        lines += [
            f"{card.model}: {card.instructions} observed instructions, {card.created}",
            f"  {card.folder}",
            f"  revision {card.spec.revision}, prefix {card.spec.prefix or 'none'}, "
            f"layer {card.spec.layer}, position {card.spec.position}",
        ]
        lines += [f"  {task}: observed accuracy {_points(v)}" for task, v in card.tasks.items()]
        if card.refused:
            lines.append(f"  not calibrated: {card.refused}")
        elif not card.calibrated:
            lines.append("  not calibrated: neighbours and distances only")
        lines += [f"  calibrated ({name}): {_skill(s)}" for name, s in card.calibrated.items()]
    return "\n".join(lines)


def _skill(s: Skill) -> str:
    gain = s.intervals.get("gain")
    doubt = "" if gain is None else f" [{gain[0]:.1f}, {gain[1]:.1f}]"
    return (
        f"n = {s.n}, mean error {s.mae:.1f} points (constant {s.mae_constant:.1f}, distance alone "
        f"{s.mae_distance:.1f}; gain {s.gain:.1f}{doubt}), Spearman {_number(s.spearman)}, within "
        f"tasks {_number(s.spearman_within)}, AUROC {_number(s.auroc)}, coverage "
        f"{s.coverage * 100:.0f}%, width {s.width:.1f}{'' if s.shown else '; no skill shown'}"
    )


def held_out(made: Mapping[str, Sequence[HeldOut]]) -> str:
    """Predictions against what came out, a line a tier and type of task."""
    lines = []
    for model, rows in made.items():
        lines.append(model)
        lines += [
            f"  {r.tier}, {r.task_type}: n = {r.n}, abstained {r.abstained}, coverage "
            f"{_share(r.coverage)} [{_share(r.coverage_low)}, {_share(r.coverage_high)}], width "
            f"{_points(r.width)}, mean error {_points(r.mae)} (constant {_points(r.mae_constant)})"
            for r in rows
        ]
    return "\n".join(lines)


def _share(value: float | None) -> str:
    return "undefined" if value is None else f"{100 * value:.0f}%"


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"


def summary(made: Summary) -> str:
    """What became of a table."""
    return f"{made.out}: {made.rows} rows, {made.errors} of them with an error"


def imported(made: Receipt) -> str:
    """What an import took, and every entry that it left out."""
    types = ", ".join(f"{count} {name}" for name, count in made.by_type.items())
    lines = [f"{made.out}: {made.taken} of {made.entries} entries taken ({types or 'none'})"]
    lines += [f"  left out: {entry.where}: {entry.reason}" for entry in made.left]
    lines += [f"  changed: {entry.where}: {entry.what}" for entry in made.changes]
    return "\n".join(lines)


def rewriting(made: Rewriting) -> str:
    """What paraphrasing would ask."""
    lines = [f"{made.sources} instructions, paraphrased by {made.made_by}"]
    if made.requests:
        lines.append(
            f"up to {made.requests} requests, {made.known} of them answered on disk; "
            f"{made.characters} characters to send"
        )
    return "\n".join(lines)


def rewritten(made: Rewritten) -> str:
    """What paraphrasing wrote, what it left out, and what it cost."""
    lines = [
        f"{made.out}: {made.kept} paraphrases of {made.sources - made.without} instructions"
        + (f", none of {made.without} others" if made.without else "")
    ]
    lines += [f"  left out, {ground}: {count}" for ground, count in sorted(made.left.items())]
    if made.left:
        lines.append(f"  each with its reason: {made.report}")
    if made.bill is not None:
        lines += _bill(made.bill)
    return "\n".join(lines)


def _bill(made: Bill) -> list[str]:
    def spent(what: Spent, money: float | None) -> str:
        tokens = f"{what.prompt_tokens} prompt and {what.completion_tokens} completion tokens"
        unknown = f", {what.uncounted} replies without a count" if what.uncounted else ""
        return f"{tokens}{unknown}" + (f", {money:.4f} at your prices" if money is not None else "")

    lines = [
        f"  asked now: {made.now.replies} requests ({made.retries} sent again), "
        + spent(made.now, made.money_now),
        f"  behind the file: {made.behind.replies} replies, "
        + spent(made.behind, made.money_behind),
    ]
    if made.tokens_per_paraphrase is not None:
        lines.append(f"  tokens per paraphrase kept: {made.tokens_per_paraphrase:.1f}")
    return lines


def training(made: Progress) -> str:
    """How far a training is: loss, speed, and accuracy on its batches by type and by group."""
    kinds: dict[str, list[float]] = {}
    for name, accuracy in made.accuracy.items():
        if name in tasks.builtin_names():
            kinds.setdefault(str(tasks.builtin(name).task_type), []).append(accuracy)
    by_type = ", ".join(f"{k} {100 * sum(v) / len(v):.1f}" for k, v in sorted(kinds.items()))
    by_group = ", ".join(f"{name} {100 * a:.0f}" for name, a in made.accuracy.items())
    return (
        f"step {made.step} of {made.steps}: loss {made.loss:.3f}, "
        f"{made.tokens_per_second:.0f} tokens/s; accuracy {by_type} ({by_group})"
    )


def _left(rows: Sequence[Left], where: str) -> list[str]:
    """The first few things that were left out."""
    lines = [f"  left out: {row.what} {_short(row.name)}: {row.reason}" for row in rows[:10]]
    more = len(rows) - len(lines)
    return [*lines, f"  ... and {more} more, see {where}"] if more > 0 else lines


def plan(made: Plan, *, models: int) -> str:
    """What an evaluation would ask."""
    lines = [
        f"{made.calls(models)} prompts: {len(made.parts)} tasks and conditions, {models} models"
    ]
    lines += [
        f"  {part.task.id}, {part.condition.label}: {len(part.instructions)} instructions x "
        f"{len(part.examples)} inputs"
        for part in made.parts
    ]
    return "\n".join([*lines, *_left(made.left, "summary.json")])


def outcome(made: Outcome) -> str:
    """What an evaluation found, by group of tasks, and where it lies."""
    lines = [f"{made.calls} prompts read now, {made.known} known from before"]
    for row in made.study.groups:
        sides = [
            f"{name} {side.value:.1f} [{side.low:.1f}, {side.high:.1f}]"
            for name, side in (("observed", row.observed), ("unobserved", row.unobserved))
            if side is not None
        ]
        lines.append(
            f"  {row.model}, {row.condition}, {row.group} ({row.tasks} tasks): {', '.join(sides)}"
        )
    lines += [
        f"  {row.model} minus {made.study.models[0]}, {row.condition}, {row.task}, {row.set}: "
        f"{row.difference.value:+.1f} [{row.difference.low:.1f}, {row.difference.high:.1f}]"
        for row in made.study.differences if row.task == "all"
    ]
    lines += _left(made.study.left, "summary.json")
    return "\n".join([*lines, *(f"written: {made.folder}/{name}" for name in made.files)])


def training_plan(made: trained_on.Outline) -> str:
    """What an experiment with altered training instructions would do."""
    lines = [
        f"{made.trainings} trainings of {made.updates} updates in all, {made.answers} answers to "
        "generate"
    ]
    lines += [
        f"  {row.task}, {row.setting}: "
        + (f"{row.training} inputs to train on, " if row.training else "")
        + f"{row.tested} to test"
        for row in made.tasks
    ]
    return "\n".join([*lines, *_left(made.left, "summary.json")])


def trained(made: trained_on.Outcome) -> str:
    """Exact match of every version, and where tables and plot lie."""
    lines = [f"{made.trained} models trained or tested now, {made.known} known from before"]
    for guess in made.found.guesses:
        lines.append(f"{guess.setting}, exact match: random guess {guess.exact:.1f}")
        for row in made.found.rows:
            if row.setting is guess.setting:
                name = f"{row.version}, {row.instances} inputs" if row.instances else "not trained"
                lines.append(
                    f"  {name}, {row.tested}: {row.exact.value:.1f} "
                    f"[{row.exact.low:.1f}, {row.exact.high:.1f}]"
                )
    lines += _left(made.found.left, "summary.json")
    return "\n".join([*lines, *(f"written: {made.folder}/{name}" for name in made.files)])
