"""`backbone/targets.py`: targets that were met, missed and not measured, from made-up figures."""

from typing import Any

from robustness.training.backbone.targets import Target, targets

GENERATED, REAL, DROP, WORDING, UNSEEN, ALIGNED = 0, 1, 2, 3, 6, 7


def interval(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


def cells(collection: str, **accuracies: float) -> list[dict[str, Any]]:
    return [
        {"task": task, "collection": collection, "accuracy": accuracy}
        for task, accuracy in accuracies.items()
    ]


def made(**parts: Any) -> dict[str, Any]:
    card: dict[str, Any] = {
        "weights": "abc",
        "cells": [
            *cells("observed", place=95.0, polarity=60.0),
            *cells("unobserved-development", place=80.0, polarity=55.0, food=1.0),
            *cells("unobserved-test", place=70.0, polarity=60.0),
        ],
        "real_text": [
            {"split": "dev", "difference": d} for d in (1.0, -5.0, -4.9, 0.0, -5.1)
        ] + [{"split": "test", "difference": -30.0}],
        "decomposition": {
            "total": interval(19.0, 13.0, 25.0), "by_wording": interval(10.0, 5.0, 15.0),
            "by_layout": interval(9.0, 4.0, 14.0),
        },
        "followed": {
            "negated": interval(14.0, 9.9, 18.0), "nonsensical": interval(26.0, 22.0, 30.0),
        },
        "unseen": [
            {"collection": "unobserved-development", "low": low, "chance": 25.0}
            for low in (20.0, 26.0)
        ],
        "ablation": {
            "weights": "abc",
            "methods": [{"method": "pt+kl", "sets": {
                "observed": {"difference": interval(-0.4, -1.0, 0.2)},
                "unobserved-test": {"difference": interval(2.0, 0.3, 3.7)},
            }}],
        },
    }
    return card | parts


def test_each_target_is_judged_by_its_figures() -> None:
    found = targets(made())
    assert [t.met for t in found] == [True, True, True, True, False, True, True, True]
    assert found[GENERATED].reached == "1 tasks, the lowest 95.0 (place)"
    assert found[REAL].reached == "4 of 5 tasks on dev"
    assert found[DROP].reached == "10.0 on development, 12.5 on test"
    assert found[WORDING].reached == "wording 10.0 [5.0, 15.0] of 19.0 [13.0, 25.0], " \
        "layout 9.0 [4.0, 14.0]"
    assert found[UNSEEN].reached == "1 of 2 above"
    assert found[ALIGNED].reached == "2.0 [0.3, 3.7] on test, -0.4 [-1.0, 0.2] on observed"


def test_what_falls_short_is_missed() -> None:
    worse = made(
        cells=[
            *cells("observed", place=89.9), *cells("unobserved-development", place=65.0),
            *cells("unobserved-test", place=80.0),
        ],
        real_text=[{"split": "dev", "difference": -6.0}] * 4,
        decomposition={
            "total": interval(20.0, 15.0, 25.0), "by_wording": interval(9.0, 5.0, 15.0),
            "by_layout": interval(4.0, 2.0, 6.0),
        },
    )
    found = targets(worse)
    assert [found[n].met for n in (GENERATED, REAL, DROP, WORDING)] == [False] * 4
    ablation = worse["ablation"]
    ablation["methods"][0]["sets"]["observed"]["difference"] = interval(-0.6, -1.0, -0.1)
    assert targets(worse)[ALIGNED].met is False


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    bare = made(
        cells=[], real_text=[], decomposition=None, followed=None, unseen=None, ablation=None
    )
    assert all(t.met is None for t in targets(bare))
    assert all(isinstance(t, Target) and t.wanted for t in targets(bare))
    other = made()
    other["ablation"]["weights"] = "of other weights"
    assert targets(other)[ALIGNED].met is None
