"""Statistics of surface perturbations: by family, variance components, models that change places.

Accuracies, degradations and shares are in points (0 to 100); intervals are 95%.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from robustness.evaluation.study.analysis import DRAWS
from robustness.evaluation.study.perturbed import Forms
from robustness.evaluation.study.values import ALL, PlaceRow, SurfaceRow, VarianceRow
from robustness.paraphrasing.surface import Rule
from robustness.stats import intervals, variance
from robustness.stats.intervals import BoolArray, Estimate, Scores


def rows(forms: Sequence[Forms], rules: Sequence[Rule], *, seed: int) -> list[SurfaceRow]:
    """One row per model and rule, then per model and family, over tasks, then by task.

    Args:
        forms: Answers as given and under the rules.
        rules: The rules.
        seed: Seed of the bootstrap.
    """
    made = []
    families = {f: [r.name for r in rules if r.family == f] for f in dict.fromkeys(
        r.family for r in rules
    )}
    for model in dict.fromkeys(f.model for f in forms):
        mine = [f for f in forms if f.model == model]
        for family, names in families.items():
            made += [
                row for task, these in [(ALL, mine), *((f.task, [f]) for f in mine)]
                if (row := _row(model, task, family, "", names, these, seed)) is not None
            ]
            if len(names) > 1:
                made += [
                    row for name in names
                    if (row := _row(model, ALL, family, name, [name], mine, seed)) is not None
                ]
    return made


def _row(
    model: str, task: str, family: str, rule: str, names: Sequence[str], forms: Sequence[Forms],
    seed: int,
) -> SurfaceRow | None:
    pairs: list[tuple[Scores, Scores]] = []
    changed = []
    for one in forms:
        found = _family(one, names)
        if found is not None:
            pairs.append(found[:2])
            changed.append(found[2])
    if not pairs:
        return None
    return SurfaceRow(
        model=model, task=task, family=family, rule=rule, tasks=len(pairs),
        instructions=sum(len(given) for given, _ in pairs),
        inputs=sum(given.shape[1] for given, _ in pairs),
        given=100 * float(np.mean([given.mean() for given, _ in pairs])),
        accuracy=100 * float(np.mean([other.mean() for _, other in pairs])),
        degradation=intervals.paired_bootstrap_mean(
            pairs, rng=np.random.default_rng(seed), draws=DRAWS
        ).points,
        changed=100 * float(np.mean(changed)), rules=tuple(names),
    )


def _family(
    forms: Forms, names: Sequence[str]
) -> tuple[BoolArray, Scores, float] | None:
    """Given and mean perturbed answers of the wordings that a rule changes; share that changes."""
    known = [forms.by_rule[n] for n in names if n in forms.by_rule]
    if not known:
        return None
    places = sorted({n for f in known for n in f.wordings})
    other = np.array([
        np.mean([f.correct[f.wordings.index(n)] for f in known if n in f.wordings], axis=0)
        for n in places
    ])
    changed = np.concatenate([
        (f.answers != forms.answers[list(f.wordings)]).ravel() for f in known
    ])
    return forms.given[places], other, float(changed.mean())


def variances(forms: Sequence[Forms], *, seed: int) -> list[VarianceRow]:
    """Shares of the variance of being right, by model: over tasks, then for each task.

    A task counts where two wordings or more have a rule that applies to all of them.

    Args:
        forms: Answers as given and under the rules.
        seed: Seed of the bootstrap.
    """
    made = []
    for model in dict.fromkeys(f.model for f in forms):
        tables: dict[str, variance.Floats] = {}
        for one in forms:
            table, _ = one.crossed()
            if one.model == model and min(table.shape) > 1:
                tables[one.task] = table.astype(np.float64)
        asked = [(task, [table]) for task, table in tables.items()]
        if len(asked) > 1:
            asked.insert(0, (ALL, list(tables.values())))
        for task, these in asked:
            found = variance.shares(these, rng=np.random.default_rng(seed), draws=DRAWS)
            for name, share in zip(variance.COMPONENTS, found or (), strict=bool(found)):
                made.append(
                    VarianceRow(
                        model=model, task=task, component=name, share=share.points,
                        inputs=sum(t.shape[0] for t in these),
                        wordings=sum(t.shape[1] for t in these),
                        surfaces=max(t.shape[2] for t in these),
                    )
                )
    return made


def places(
    forms: Sequence[Forms], rules: Sequence[Rule], original: str, aligned: Sequence[str], *,
    seed: int,
) -> list[PlaceRow]:
    """How often an aligned model and the original change places under a rule.

    A case is a wording of a task under a rule. The models change places where the one that is
    better under the wording as given is worse under the rule. Beside it stands how often they would
    with the wording as given on other inputs, drawn with replacement.

    Args:
        forms: Answers as given and under the rules.
        rules: The rules.
        original: Id of the original model.
        aligned: Ids of the models that are compared with it.
        seed: Seed of the bootstrap.
    """
    table = {(f.model, f.task): f for f in forms}
    tasks = list(dict.fromkeys(f.task for f in forms))
    families: dict[str, list[str]] = {ALL: [r.name for r in rules]}
    for rule in rules:
        families.setdefault(rule.family, []).append(rule.name)
    made = []
    for model in aligned:
        pairs = [
            (table[model, t], table[original, t]) for t in tasks
            if (model, t) in table and (original, t) in table
        ]
        chance = _by_chance(pairs, seed)
        for family, names in families.items():
            row = _place(model, original, family, names, pairs, chance, seed)
            if row is not None:
                made.append(row)
    return made


def _by_chance(
    pairs: Sequence[tuple[Forms, Forms]], seed: int
) -> Mapping[tuple[int, int], float]:
    """(pair, wording) -> share of draws of inputs in which the models change places."""
    rng = np.random.default_rng(seed)
    made = {}
    for p, (mine, base) in enumerate(pairs):
        difference = mine.given.astype(np.float64) - base.given
        n = difference.shape[1]
        weights = rng.multinomial(n, np.full(n, 1.0 / n), size=DRAWS) / n
        signs = np.sign(difference.mean(axis=1))
        drawn = np.sign(weights @ difference.T)
        for w, sign in enumerate(signs):
            made[p, w] = float((drawn[:, w] * sign < 0).mean())
    return made


def _place(
    model: str, original: str, family: str, names: Sequence[str],
    pairs: Sequence[tuple[Forms, Forms]], chance: Mapping[tuple[int, int], float], seed: int,
) -> PlaceRow | None:
    """Counts the cases of one family; wordings of tasks are drawn again for the interval."""
    groups: list[tuple[int, int, int, float]] = []
    for p, (mine, base) in enumerate(pairs):
        before = np.sign(_right(mine.given) - _right(base.given))
        for w in range(len(mine.given)):
            after = [
                np.sign(_right(mine.by_rule[n].correct)[k] - _right(base.by_rule[n].correct)[k])
                for n in names if n in mine.by_rule and w in mine.by_rule[n].wordings
                for k in [mine.by_rule[n].wordings.index(w)]
            ]
            if after:
                moved = sum(int(a * before[w] < 0) for a in after)
                tied = sum(int(a * before[w] == 0) for a in after)
                groups.append((len(after), moved, tied, chance[p, w] * len(after)))
    if not groups:
        return None
    counts = np.array(groups, dtype=np.float64)
    total = counts.sum(axis=0)
    weights = np.random.default_rng(seed).multinomial(
        len(groups), np.full(len(groups), 1.0 / len(groups)), size=DRAWS
    )
    drawn = weights @ counts
    low, high = np.quantile(drawn[:, 1] / drawn[:, 0], [0.025, 0.975])
    return PlaceRow(
        model=model, other=original, family=family, cases=int(total[0]),
        changed=Estimate(value=float(total[1] / total[0]), low=float(low), high=float(high)).points,
        tied=100 * float(total[2] / total[0]), by_inputs=100 * float(total[3] / total[0]),
    )


def _right(correct: BoolArray) -> npt.NDArray[np.int64]:
    """(W,) int64: right answers under each wording."""
    return np.asarray(correct.sum(axis=1, dtype=np.int64))
