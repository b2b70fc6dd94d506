"""Computes means over tasks and seeds, and paired differences from the original instructions."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from robustness.stats import intervals
from robustness.stats.intervals import Estimate
from robustness.training.perturbed.recipe import Form, Setting, Version
from robustness.training.perturbed.run import Finished, rouge
from robustness.training.perturbed.values import Answer, Guess, VersionResult

_Table = npt.NDArray[np.float64]
_SEED = 0


def rows(finished: Sequence[Finished]) -> list[VersionResult]:
    """One row per version, number of inputs, setting and form; the untrained model comes first."""
    arms: dict[tuple[Version, int], list[Finished]] = {}
    for one in finished:
        arms.setdefault((one.arm.version, one.arm.instances), []).append(one)
    made = []
    for setting in Setting:
        for runs in arms.values():
            original = arms[(Version.ORIGINAL, runs[0].arm.instances)]
            made += [
                _row(runs, setting, tested, original)
                for tested in runs[0].arm.tested if _tables(runs, setting, tested)
            ]
    return made


def _row(
    runs: Sequence[Finished], setting: Setting, tested: Form, original: Sequence[Finished]
) -> VersionResult:
    arm = runs[0].arm
    exact = _tables(runs, setting, tested)
    score = _tables(runs, setting, tested, _rouge)
    compared = arm.version is not Version.ORIGINAL
    first = _tables(original, setting, Form.ORIGINAL)
    first_score = _tables(original, setting, Form.ORIGINAL, _rouge)
    return VersionResult(
        version=arm.version, instances=arm.instances, setting=setting, tested=tested,
        exact=_mean(exact), rouge=_mean(score),
        unparsed=100 * float(np.mean([t.mean() for t in _tables(runs, setting, tested, _lost)])),
        exact_loss=_difference(first, exact) if compared else None,
        rouge_loss=_difference(first_score, score) if compared else None,
        tasks=len(exact), inputs=sum(t.shape[1] for t in exact), seeds=len(runs),
    )


def _exact(answer: Answer) -> float:
    return float(answer.exact)


def _rouge(answer: Answer) -> float:
    return answer.rouge


def _lost(answer: Answer) -> float:
    return float(answer.parsed is None)


def _tables(
    runs: Sequence[Finished], setting: Setting, tested: Form,
    value: Callable[[Answer], float] = _exact,
) -> list[_Table]:
    """One table (S, N) per task: seeds by inputs, in the same order for every version."""
    found: dict[str, list[list[float]]] = {}
    for number, run in enumerate(runs):
        for answer in run.answers:
            if (answer.setting, answer.tested) == (setting, tested):
                known = found.setdefault(answer.task, [[] for _ in runs])
                known[number].append(value(answer))
    return [np.array(found[task], dtype=np.float64) for task in sorted(found)]


def _mean(tables: Sequence[_Table]) -> Estimate:
    # The mean is a difference from zero, so that its interval uses the same bootstrap draws.
    return _difference(tables, [np.zeros((1, t.shape[1])) for t in tables])


def _difference(first: Sequence[_Table], second: Sequence[_Table]) -> Estimate:
    rng = np.random.default_rng(_SEED)
    pairs = list(zip(first, second, strict=True))
    return intervals.paired_bootstrap_mean(pairs, rng=rng).points


def guesses(words: Sequence[tuple[Setting, str, str, tuple[str, ...]]]) -> list[Guess]:
    """Expected scores of a uniform guess among each input's label words.

    Args:
        words: (setting, task, gold word, all label words) of each test input.
    """
    made = []
    for setting in Setting:
        known: dict[str, list[tuple[float, float]]] = {}
        for own, task, gold, options in words:
            if own is setting:
                scores = [rouge(option, gold) for option in options]
                row = (1.0 / len(options), float(np.mean(scores)))
                known.setdefault(task, []).append(row)
        if known:
            exact, score = 100 * np.mean([np.mean(r, axis=0) for r in known.values()], axis=0)
            made.append(Guess(setting=setting, exact=float(exact), rouge=float(score)))
    return made

