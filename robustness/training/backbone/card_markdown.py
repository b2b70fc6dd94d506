"""Formats a backbone's model card as Markdown, from the JSON document of its measurements."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from robustness.storage import files
from robustness.training.backbone import ablation, data
from robustness.training.backbone.card import SETS
from robustness.training.backbone.figures import interval
from robustness.training.backbone.targets import targets
from robustness.types import TaskType

Card = Mapping[str, Any]
_KINDS = tuple(str(kind) for kind in TaskType)
_NOT = "not measured"


def points(value: float | None) -> str:
    """A number of points as text, to one decimal."""
    return _NOT if value is None else f"{value:.1f}"


def _mean(cells: Sequence[Card], **wanted: str) -> float | None:
    kept = [c["accuracy"] for c in cells if all(c[k] == v for k, v in wanted.items())]
    return fmean(kept) if kept else None


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """A table in Markdown, as lines."""
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(map(str, line)) + " |" for line in lines]


VERDICTS = {True: "met", False: "missed", None: _NOT}


def _targets(card: Card) -> list[str]:
    return [
        "## Targets",
        "",
        *table(
            ["wanted", "reached", ""],
            [[t.wanted, t.reached, VERDICTS[t.met]] for t in targets(card)],
        ),
    ]


def _accuracy(card: Card) -> list[str]:
    unseen = set(data.UNSEEN_TASKS)
    seen = [c for c in card["cells"] if c["task"] not in unseen]
    means = [[k, *(points(_mean(seen, task_type=k, collection=s)) for s in SETS)] for k in _KINDS]
    all_of = ["all trained tasks", *(points(_mean(seen, collection=s)) for s in SETS)]
    return [
        "## Accuracy by type of task, options compared, in points",
        "",
        "Means over the trained tasks of a type.",
        "",
        *table(["type", *SETS], [*means, all_of]),
        "",
        "## Accuracy by task",
        "",
        "Mean over instructions [Wilson interval over all answers], standard deviation over "
        "instructions, worst instruction. Inputs: the first of the shipped test half.",
        "",
        *table(
            ["task", "set", "instructions", "accuracy", "std", "worst", "chance"],
            [
                [
                    c["task"] + (" (never trained)" if c["task"] in unseen else ""),
                    c["collection"], c["instructions"],
                    interval(c, value="accuracy"), points(c["std"]),
                    f"{c['worst']:.1f}", f"{c['chance']:.1f}",
                ]
                for c in card["cells"]
            ],
        ),
    ]


def _unseen(card: Card) -> list[str]:
    lines = ["## Tasks that were never trained on", ""]
    if not card["unseen"]:
        return [*lines, f"{_NOT.capitalize()}."]
    rows = []
    for u in card["unseen"]:
        verdict = "not shown to be above chance"
        if u["low"] > u["chance"]:
            verdict = "above chance"
        elif u["high"] < u["chance"]:
            verdict = "below chance"
        rows.append(
            [
                u["task"], u["collection"],
                interval(u, value="accuracy"), f"{u['chance']:.1f}",
                verdict,
            ]
        )
    return [
        *lines,
        "Intervals: 95%, instructions and inputs drawn again.",
        "",
        *table(["task", "set", "accuracy", "chance", ""], rows),
    ]


def _free(card: Card) -> list[str]:
    lines = ["## Options compared and free answers", ""]
    if not card["free"]:
        return [*lines, f"{_NOT.capitalize()}."]
    return [
        *lines,
        "The same instructions and inputs; generated greedily, an unparsed answer counts as wrong. "
        "Means over answers of the trained tasks.",
        "",
        *table(
            ["type", "set", "answers", "options compared", "generated", "unparsed"],
            [
                [
                    f["task_type"], f["collection"], f["answers"], points(f["by_options"]),
                    points(f["generated"]), points(f["unparsed"]),
                ]
                for f in card["free"]
            ],
        ),
    ]


def _decomposition(card: Card) -> list[str]:
    found = card["decomposition"]
    lines = ["## What the loss on unobserved instructions is made of", ""]
    if found is None:
        return [*lines, f"{_NOT.capitalize()}."]
    crossed = sum(t["unobserved_instructions"] for t in found["tasks"])
    left = sum(t["left"] for t in found["tasks"])
    return [
        *lines,
        f"{crossed} unobserved-development instructions whose wording (what asks, with its label "
        "words) and layout (fields, their order, options, closing cue) can be told apart, each "
        f"crossed with observed instructions of its task ({left} could not be). Losses against "
        "the observed instructions, mean over tasks, 95% intervals; the parts need not add up.",
        "",
        *table(
            ["", "loss"],
            [
                ["as they are", interval(found["total"])],
                ["unobserved wording in an observed layout", interval(found["by_wording"])],
                ["observed wording in the unobserved layout", interval(found["by_layout"])],
            ],
        ),
    ]


def _followed(card: Card) -> list[str]:
    found = card["followed"]
    lines = ["## Is the instruction followed?", ""]
    if found is None:
        return [*lines, f"{_NOT.capitalize()}."]
    return [
        *lines,
        "Observed instructions, their negations, and random words in their layout, on the same "
        "inputs; what counts as right stays. Lost by negation "
        f"{interval(found['negated'])} points, by nonsense {interval(found['nonsensical'])} "
        "(mean over tasks, 95%). Nothing that it was trained on asks for what is not so, and "
        "it reads past a negation.",
        "",
        *table(
            ["task", "given", "negated", "nonsensical", "chance"],
            [
                [t["task"], *(points(t[k]) for k in ("given", "negated", "nonsensical", "chance"))]
                for t in found["tasks"]
            ],
        ),
    ]


def _gains(card: Card) -> list[str]:
    return [
        "## What alignment gains",
        "",
        "Aligned minus original accuracy on the same instructions and inputs, mean over tasks "
        "[95% interval, resampling instructions and inputs], in points.",
        "",
        *table(
            ["model", "set", "type", "tasks", "gain"],
            [
                [
                    g["model"], g["collection"], g["task_type"], g["tasks"],
                    interval(g, sign=True),
                ]
                for g in card["gains"]
            ],
        ),
    ]


def compared(card: Card) -> list[str]:
    """The section that compares alignment methods, if there is an ablation of these weights."""
    found = card["ablation"]
    lines = ["## Methods of alignment compared", ""]
    if found is None:
        return [*lines, f"{_NOT.capitalize()}."]
    if found["weights"] != card["weights"]:
        return [
            *lines,
            f"The comparison that is kept belongs to other weights (`{found['weights'][:12]}`); "
            "make it again with: python -m robustness ablation",
        ]
    return [
        *lines, *ablation.lines(found), "",
        f"Made with `{found['provenance']['command']}`. ARCHITECTURE.md has what else was tried "
        "for the prefix.",
    ]


def _real(card: Card) -> list[str]:
    lines = ["## Real text: the corpora's own splits, observed instructions", ""]
    if not card["real_text"]:
        return [*lines, "Not measured: the corpora were not there."]
    tested = all(r["split"] == "test" for r in card["real_text"])
    return [
        *lines,
        "Mean over the task's observed instructions, beside TF-IDF (words and letters) with "
        "logistic regression, trained on the same split; paired difference, 95%, instructions and "
        "inputs drawn again." + ("" if tested else " Targets are set on dev; test is reported as "
        "it comes. Both were fitted to train: what the backbone does not reach there either it did "
        "not learn at its size and in its time, what it reaches there and not on dev it learned by "
        "heart."),
        "",
        *table(
            ["task", "split", "backbone", "TF-IDF + logistic regression", "difference", "inputs"],
            [
                [
                    r["task"], r["split"], points(r["backbone"]), points(r["baseline"]),
                    interval(r, value="difference", sign=True), r["inputs"],
                ]
                for r in card["real_text"]
            ],
        ),
    ]


def _seeds(card: Card) -> list[str]:
    found = card["seeds"]
    lines = ["## Other seeds, at a smaller size", ""]
    if found is None:
        return [*lines, f"{_NOT.capitalize()}."]
    rows = []
    for r in found["rows"]:
        accuracies = [
            f"{points(r['types'][kind][SETS[0]])} / {points(r['types'][kind][SETS[1]])}"
            for kind in _KINDS
        ]
        losses = [interval(r["decomposition"][k]) for k in ("total", "by_wording", "by_layout")]
        name = ", ".join([str(r["seed"]), *(f"{k} = {v}" for k, v in r["differs"].items())])
        rows.append([name, f"{r['seconds'] / 60:.0f}", *accuracies, *losses])
    first, recipe = found["rows"][0], found["recipe"]
    return [
        *lines,
        f"{first['parameters'] / 1e6:.2f} million parameters, {recipe['layers']} layers of "
        f"{recipe['hidden']}, {recipe['steps']} steps. Accuracy: observed / "
        "unobserved-development. Losses as above.",
        "",
        *table(
            ["seed", "minutes", *_KINDS, "loss", "by wording", "by layout"], rows
        ),
    ]


def _asked(card: Card) -> list[str]:
    lines = ["## Every evaluation on unobserved-test", ""]
    if not card["asked"]:
        return [*lines, "None."]
    return [
        *lines,
        *table(
            ["when", "weights", "model", "what", "command"],
            [
                [a["created"], f"`{a['weights'][:12]}`", a["model"], a["what"], f"`{a['command']}`"]
                for a in card["asked"]
            ],
        ),
    ]


def _data(card: Card) -> list[str]:
    lines = [
        "## Data",
        "",
        "Generated stories and scenes (this project's), and text through NLTK's corpus readers; "
        "running text for the tokenizer and the first embeddings from brown, webtext and abc. "
        "None of the corpora ships. The shipped inputs are generated from another seed or written "
        "for this project and were never trained on.",
    ]
    if not card["data"]:
        return lines
    return [
        *lines,
        "",
        *table(
            ["task", "licence, by the corpus's README", "train", "dev", "test"],
            [[d["task"], d["licence"], d["train"], d["dev"], d["test"]] for d in card["data"]],
        ),
    ]


def markdown(card: Card) -> str:
    """The model card as Markdown.

    Args:
        card: The document of `card.document`, as read from its file.
    """
    training = card["training"]
    lines = [
        "# The embedded backbone",
        "",
        f"Decoder-only, Llama architecture, {training['parameters'] / 1e6:.2f} million parameters, "
        f"trained from scratch on {training['provenance']['hardware']} in "
        f"{training['seconds'] / 60:.0f} minutes ({training['tokens'] / 1e6:.1f} million tokens, "
        f"{training['recipe']['steps']} steps, seed {training['recipe']['seed']}). It knows the "
        "tasks below and nothing else: it is there to show the phenomenon on a laptop.",
        "",
    ]
    for section in (
        _targets, _accuracy, _unseen, _free, _decomposition, _followed, _gains, compared, _real,
        _seeds, _data,
    ):
        lines += [*section(card), ""]
    lines += [
        *_sets(card),
        "",
        *_asked(card),
        "",
        "## What it cannot do",
        "",
        "Anything beyond these tasks: it has no knowledge of the world, does not converse, and its "
        "text beyond an answer is noise. Case is folded. Its context is "
        f"{training['recipe']['context']} tokens.",
        "",
        "## Recipe",
        "",
        *[f"- {key} = {value}" for key, value in training["recipe"].items()],
        "",
        "Reproduce: `python -m robustness backbone train --preset cpu`, then "
        "`python -m robustness backbone card`.",
        "",
    ]
    return "\n".join(lines)


def measured(card: Card) -> list[str]:
    """The sections that every backbone's card has, a tuned one's too, as lines."""
    lines: list[str] = []
    for section in (_accuracy, _unseen, _free, _decomposition, _gains, compared, _real):
        lines += [*section(card), ""]
    return [*lines, *_sets(card), "", *_asked(card)]


def _sets(card: Card) -> list[str]:
    return [
        "## Instruction sets (SHA-256)",
        "",
        *[f"- {name}: `{digest}`" for name, digest in card["instruction_sets"].items()],
    ]


def write(
    folder: Path, card: Card, formatted: Callable[[Card], str] = markdown
) -> None:
    """Writes `card.json` and `CARD.md` into the backbone's folder.

    Args:
        folder: The folder.
        card: The document.
        formatted: Makes the Markdown of the document as read from its file.
    """
    files.write_json(folder / "card.json", card)
    with files.atomic_path(folder / "CARD.md") as temporary:
        temporary.write_text(formatted(files.plain(card)), encoding="utf-8")
