"""Formats the summary of an ablation as Markdown, for its folder and for the backbone's card."""

from collections.abc import Mapping
from typing import Any

from robustness.data import instructions
from robustness.models.load_options import Dtype
from robustness.training.backbone.figures import interval

SCHEMA = 1
_NAMES = {
    instructions.OBSERVED: "observed",
    instructions.UNOBSERVED_DEVELOPMENT: "development",
    instructions.UNOBSERVED_TEST: "test",
}


def _points(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.1f}"


def _moved(before: Mapping[str, Any], after: Mapping[str, Any], key: str) -> str:
    return f"{_points(before[key])} to {_points(after[key])}"


def _said(before: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    if found["free_difference"] is None:
        return "not asked"
    return f"{_moved(before, found, 'free')}: {interval(found['free_difference'], sign=True)}"


def _settings(summary: Mapping[str, Any]) -> str:
    given = [f"{key} {value}" for key, value in summary["settings"].items()]
    given += [f"learning rate {value} for {key}" for key, value in summary["rates"].items()]
    if (dtype := summary.get("dtype", Dtype.AUTO)) != Dtype.AUTO:
        given.append(f"read in {dtype} (`ft` trains in float32)")
    return f"; {', '.join(given)}" if given else ""


def _rows(summary: Mapping[str, Any], name: str) -> list[str]:
    before = summary["original"][name]
    made = []
    for method in summary["methods"]:
        found = method["sets"][name]
        moved = found["difference"]
        seeds = ", ".join(f"{one['sets'][name]['accuracy']:.1f}" for one in method["each"])
        steps = ", ".join(str(one["best_step"]) for one in method["each"])
        distance = "" if before["distance"] is None else _moved(before, found, "distance")
        made.append(
            f"| {method['method']} | {_NAMES[name]} | {found['accuracy']:.1f} | {seeds} | "
            f"{interval(moved, sign=True)} | {_said(before, found)} | "
            f"{_moved(before, found, 'std')} | {_moved(before, found, 'worst_tenth')} | "
            f"{distance} | {method['seconds']:.0f} | {steps} |"
        )
    return made


def lines(summary: Mapping[str, Any]) -> list[str]:
    """The table with an explanation, as Markdown without a heading.

    Args:
        summary: The content of an ablation's `summary.json`.
    """
    original = summary["original"]
    stands = ", ".join(f"{_NAMES[name]} {row['accuracy']:.1f}" for name, row in original.items())
    made = [
        f"The backbone itself: {stands}. Means over tasks with observed instructions, in "
        f"points; {summary['inputs']} inputs a task ({summary['free']} for free answers, where an "
        f"unparsed one is wrong) and {summary['steps']} updates at the most{_settings(summary)}. "
        "Differences are paired, on the same instructions and inputs, with 95% intervals that "
        "resample both, and seeds where there are several. Development "
        "selected each run's update and flatters itself.",
        "",
        "| method | set | accuracy | each seed | aligned minus original | free answers | "
        "std over instructions | worst tenth | distance to the nearest observed | seconds | "
        "selected update |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name in original:
        made += _rows(summary, name)
    best = summary["best_input_prefix"]
    if best is not None:
        made += [
            "",
            f"Best input prefix on development: {best['method']}, seed {best['seed']} "
            f"({best['development_accuracy']:.1f}).",
        ]
    return made


def markdown(summary: Mapping[str, Any]) -> str:
    """The table with an explanation and a heading, as Markdown."""
    heading = f"# Alignment of {summary['model']}, method by method"
    return "\n".join([heading, "", *lines(summary), ""])
