"""Chooses training and test inputs of the experiment.

No test input is trained on or shown as a worked example.
"""

import random
from collections.abc import Sequence
from pathlib import Path

from robustness.data import tasks
from robustness.data.tasks import Task
from robustness.errors import NotFoundError
from robustness.training.backbone import data as backbone_data
from robustness.training.backbone.data import by_task
from robustness.types import Example

_SEED = 1
_LEAST = 800
"""Least number of inputs that are gathered, so that larger plans draw from the same ones."""
_SPARE = 2
"""Inputs generated for each one wanted, since scenes repeat and shipped ones are left out."""
_MOST = 4
"""Inputs kept for each one wanted, so that seeds draw different ones."""


def balanced(examples: Sequence[Example], limit: int) -> tuple[Example, ...]:
    """The first labelled inputs with equal numbers of each label, about `limit` in all."""
    groups: dict[str, list[Example]] = {}
    for example in examples:
        if example.answer is not None:
            groups.setdefault(example.answer, []).append(example)
    if not groups:
        return ()
    labels = sorted(groups)
    each = max(1, min(min(len(g) for g in groups.values()), limit // len(labels)))
    return tuple(example for label in labels[:limit] for example in groups[label][:each])


def training(
    chosen: Sequence[Task], count: int, limit: int, nltk_data: Path | None
) -> dict[str, list[Example]]:
    """Labelled training inputs of each task.

    For a built-in task these are the embedded backbone's training inputs, otherwise the task's own
    train and dev inputs.

    Args:
        chosen: The tasks.
        count: Number of inputs wanted per task.
        limit: Number of test inputs per task; a task without splits is trained on the others.
        nltk_data: Folder with NLTK's `corpora`. Where the corpora are missing, the real-text tasks
            are trained on their shipped dev inputs.
    """
    count = max(count, _LEAST)
    shipped = [t for t in chosen if t.id in tasks.builtin_names() and t == tasks.builtin(t.id)]
    found = _shipped({t.id for t in shipped}, count, nltk_data) if shipped else {}
    made = {}
    for task in chosen:
        apart = [e for e in task.examples if e.split in ("train", "dev")]
        tested = task.labelled if apart else balanced(task.labelled, limit)
        known = found.get(task.id) or apart or list(task.examples)
        shown = {tuple(e.fields.items()) for e in tested}
        own = [e for e in known if e.answer is not None and tuple(e.fields.items()) not in shown]
        # Corpora are sorted by source or label.
        random.Random(task.id).shuffle(own)
        made[task.id] = own[: _MOST * count]
    return made


def _shipped(names: set[str], count: int, nltk_data: Path | None) -> dict[str, list[Example]]:
    stories = _SPARE * count
    try:
        known = backbone_data.load_training_examples(_SEED, stories=stories, nltk_data=nltk_data)
    except NotFoundError:
        known = backbone_data.generated_training(_SEED, stories)
    return by_task([e for e in known if e.split == "train" and e.task in names])
