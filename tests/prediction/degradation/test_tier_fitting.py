from dataclasses import replace

import numpy as np
import pytest

from robustness.prediction.degradation import tier_fitting
from robustness.prediction.degradation.tier_fitting import Rows


def rows(count: int = 60, copies: int = 1, seed: int = 0) -> Rows:
    rng = np.random.default_rng(seed)
    x = np.repeat(rng.normal(size=(count, 3)), copies, axis=0)
    noise = np.repeat(rng.normal(0, 5, count), copies)
    return Rows(
        tasks=np.array(["t"] * len(x)), y=x @ np.array([4.0, 0.0, 2.0]) + noise, usual=None, x=x,
        groups=np.repeat(np.arange(count), copies),
    )


def test_what_a_row_is_judged_by_has_seen_nothing_of_its_cluster() -> None:
    known = rows(24, copies=2)
    seen = []

    def make(others: np.ndarray, left: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        seen.append(set(known.groups[others]) & set(known.groups[left]))
        return np.zeros(len(left)), np.ones((2, len(left)))

    found = tier_fitting.judge(known.folds(0), make)
    assert seen == [set()] * len(known.folds(0))
    assert found.predicted.shape == (48,) and found.width == 0.0


def test_judged_intervals_hold_as_often_as_promised() -> None:
    inside = [
        tier_fitting.judged(known, 0.9, 0).inside(known.y).mean()
        for known in (rows(60, copies=2, seed=s) for s in range(6))
    ]
    assert 0.87 <= np.mean(inside) <= 1.0


def test_the_loss_on_labelled_inputs_counts_as_much_as_it_tells() -> None:
    known = rows()
    rng = np.random.default_rng(1)
    for noise, least, most in ((0.1, 0.95, 1.0), (100.0, 0.0, 0.1)):
        losses = known.y + rng.normal(0, noise, len(known.y))
        told = Rows(
            tasks=known.tasks, y=known.y, usual=None, x=known.x, groups=known.groups,
            losses=losses,
        )
        assert least <= tier_fitting.fit(told, 0.9, 0).weight <= most


def test_one_cluster_gives_no_bound() -> None:
    known = rows(1, copies=5)
    made = tier_fitting.fit(known, 0.9, 0)
    assert (made.limits.low, made.limits.high) == (-100.0, 100.0)
    assert made.predict(known) == pytest.approx(known.y, abs=1.0)


def test_intervals_hold_on_tasks_whose_errors_differ() -> None:
    rng = np.random.default_rng(4)
    tasks = np.array(["rough" if n % 5 == 0 else f"plain {n % 5}" for n in range(90)])
    inside: dict[bool, dict[str, list[float]]] = {}
    for seed in range(12):
        drawn = rows(90, seed=seed)
        y = drawn.y + np.where(tasks == "rough", rng.normal(0, 25, 90), 0.0)
        for known in (True, False):
            found = tier_fitting.judged(
                replace(drawn, tasks=tasks, y=y, task_known=known), 0.9, 0
            ).inside(y)
            kept = inside.setdefault(known, {})
            for task in np.unique(tasks):
                kept.setdefault(str(task), []).append(found[tasks == task].mean())
    by_task = {k: {t: np.mean(v) for t, v in found.items()} for k, found in inside.items()}
    assert min(by_task[True].values()) >= 0.8
    # With the same band for all tasks, one of them has too few inside.
    assert by_task[False]["rough"] < 0.65


def test_a_task_that_is_not_known_has_the_band_of_all() -> None:
    known = rows()
    assert tier_fitting.fit(replace(known, task_known=False), 0.9, 0).by_task == {}
    # Too few clusters for any band: nothing is known of any task, either.
    assert tier_fitting.fit(rows(8), 0.9, 0).by_task == {}
