"""Measures a tuned model and writes its card, with the gates at its top.

`python -m robustness backbone card --model FOLDER` calls it. For the card of a backbone that was
trained from scratch see `robustness.training.backbone.quality`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from robustness.data import test_set_log
from robustness.models import papers
from robustness.models.engine import Engine
from robustness.storage import files, provenance
from robustness.training.backbone import card, card_markdown, quality
from robustness.training.backbone.card_markdown import VERDICTS, points, table
from robustness.training.backbone.figures import interval
from robustness.training.tuning import gates

INPUTS = 32
"""Inputs a task; a pretrained model is a hundred times as slow as the embedded one."""
FREE_INPUTS = 4
REAL_INPUTS = 200

Report = Callable[[str, int, int], None]
"""Progress callback: (what, done, total)."""


def is_tuned(folder: Path) -> bool:
    """Whether a folder's model was tuned from another one, by its record."""
    record = folder / provenance.TRAINING_FILE
    return record.is_file() and "base" in files.read_json(record, schema=1)


def describe(
    engine: Engine,
    folder: Path,
    nltk_data: Path | None,
    *,
    inputs: int | None = None,
    report: Report | None = None,
) -> Mapping[str, Any]:
    """Measures a tuned model and writes `card.json` and `CARD.md` where `papers.folder_of` says.

    Args:
        engine: Serves the model and those that were aligned on it.
        folder: The model's folder, with `training.json`; `ablation.json` is included where it
            lies beside the card.
        nltk_data: Folder with NLTK's `corpora`; None: the real-text part is left out.
        inputs: Largest number of inputs a task; None: `INPUTS`. Generated answers take at most
            `FREE_INPUTS`, real text at most `REAL_INPUTS` and eight times `inputs`.
        report: Called with (what, done, total) after each task of each part.

    Raises:
        NotFoundError, EngineError: See `card.measure`.
        CorruptFileError: A file in the folder is malformed.
    """
    limit = INPUTS if inputs is None else inputs
    original = engine.models()[0].id
    step = card.steps(report)
    kept = papers.folder_of(folder)
    plain, gained = card.measured(engine, folder, step, limit=limit)
    tasks = quality.trained_tasks()
    free = quality.free_answers(
        engine, original, tasks, limit=min(limit, FREE_INPUTS),
        on_progress=step("generated answers"),
    )
    real = [] if nltk_data is None else card.real_text(
        engine, original, nltk_data, splits=("test",), limit=min(REAL_INPUTS, 8 * limit)
    )
    reading = gates.read_loss(
        engine, original, tasks, limit=limit, on_progress=step("altered instructions")
    )
    chat = gates.talk(engine, original, step("chat"))
    made = card.document(
        card.cells(plain, limit), gained, real, folder,
        data=None if nltk_data is None else card.sizes(nltk_data),
        unseen=quality.unseen(plain), free=free,
        decomposition=quality.decomposed(engine, original, limit, step("wording and layout")),
        ablation=quality.beside(kept / quality.ABLATION), asked=test_set_log.read_log(kept),
    ) | {"reading": reading, "chat": chat}
    card_markdown.write(kept, made, markdown)
    return made


def _gates(made: Mapping[str, Any]) -> list[str]:
    found = gates.gates(made)
    missed = [g for g in found if g.met is False]
    unknown = [g for g in found if g.met is None]
    told = f"{len([g for g in found if g.met])} met, {len(missed)} missed"
    if unknown:
        told += f", {len(unknown)} not measured"
    return [
        "## Gates", "", f"{told}. Numbers in points, with 95% intervals.", "",
        *table(
            ["wanted", "reached", ""],
            [[g.wanted, g.reached, VERDICTS[g.met]] for g in found],
        ),
    ]


def _reading(made: Mapping[str, Any]) -> list[str]:
    found = made["reading"]
    kinds = ["given", *found["lost"]]
    return [
        "## Is the instruction read?", "",
        "Observed instructions and what was made of them, on tasks that share their inputs, so "
        "that nothing but the instruction says what is asked; what counts as right stays. "
        "*Incorrect* is an instruction of another task on the same inputs.", "",
        *table(
            ["task", *kinds, "chance"],
            [
                [t["task"], *(points(t["accuracy"][k]) for k in kinds), points(t["chance"])]
                for t in found["tasks"]
            ],
        ),
        "", "Lost, mean over tasks: "
        + ", ".join(f"{k} {interval(v)}" for k, v in found["lost"].items()) + ".",
    ]


def _chat(made: Mapping[str, Any]) -> list[str]:
    words = {True: "yes", False: "no", None: ""}
    rows = [
        [t["question"], " ".join(t["reply"].split()).replace("|", "\\|"), words[gates.right(t)]]
        for t in made["chat"]
    ]
    return [
        "## Chat, as it came", "",
        "*Right* says whether a reply has a word of the answer, where one answer is known.", "",
        *table(["question", "reply", "right"], rows),
    ]


def markdown(made: Mapping[str, Any]) -> str:
    """The card as Markdown.

    Args:
        made: The document of `describe`, as read from its file.
    """
    training = made["training"]
    recipe = training["recipe"]
    lines = [
        "# A tuned backbone", "",
        f"{training['parameters'] / 1e6:.0f} million parameters: {recipe['layers']} layers of "
        f"a pretrained model (weights `{training['base']}`), the first {recipe['frozen']} of which "
        f"stayed as they were. Tuned on instructions in "
        f"{training['seconds'] / 60:.0f} minutes on {training['provenance']['hardware']} "
        f"({training['tokens'] / 1e6:.1f} million tokens, {recipe['updates']} updates, seed "
        f"{recipe['seed']}).", "",
    ]
    for section in (_gates, _reading, _chat, card_markdown.measured):
        lines += [*section(made), ""]
    return "\n".join(
        [*lines, "## Recipe", "", *[f"- {key} = {value}" for key, value in recipe.items()], "",
         "Reproduce: `python -m robustness backbone tune`, then "
         "`python -m robustness backbone card --model FOLDER`.", ""]
    )
