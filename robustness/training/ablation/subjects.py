"""Gathers the backbone and data of an ablation, from the user's files or from shipped ones."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from robustness.data import instructions, tasks
from robustness.data.tasks import Task
from robustness.models.load_options import PromptFormat
from robustness.training.ablation.plan import Subject
from robustness.training.backbone import data as backbone_data
from robustness.types import Example, Instruction

_SHIPPED = (
    instructions.OBSERVED, instructions.PARAPHRASES, instructions.UNOBSERVED_DEVELOPMENT,
    instructions.UNOBSERVED_TEST,
)
_EXAMPLES_SEED = 1
"""Seed of the generated inputs, the same for all runs, so that seeds vary only the training."""


def gather(
    model: str,
    *,
    chosen: Sequence[Task] | None = None,
    sets: Mapping[str, Sequence[Instruction]] | None = None,
    nltk_data: Path | None = None,
    prompt_format: str = PromptFormat.NONE,
) -> Subject:
    """Gathers the data of an ablation.

    Args:
        model: The backbone's folder or its name on the hub.
        chosen: Tasks whose train and dev inputs are trained on and whose labelled test inputs are
            measured on; None: the built-in tasks and the embedded backbone's training inputs.
        sets: Name of a shipped collection -> instructions that replace it.
        nltk_data: Folder with NLTK's `corpora`, for the embedded backbone's training inputs.
        prompt_format: Chat format of the prompts: see `chat_formats.choose`.

    Raises:
        NotFoundError: A collection or corpus is missing.
        CorruptFileError: A shipped file is malformed.
    """
    known: list[Instruction] = []
    for name in _SHIPPED:
        own = (sets or {}).get(name)
        if own is None:
            known += instructions.builtin(name)
        else:
            known += [replace(i, collection=name, id="") for i in own]
    if chosen is not None:
        examples: Sequence[Example] = [
            e for task in chosen for e in task.examples if e.split != "test"
        ]
    else:
        chosen = [tasks.builtin(name) for name in tasks.builtin_names()]
        examples = backbone_data.load_training_examples(_EXAMPLES_SEED, nltk_data=nltk_data)
    return Subject(
        model=model, tasks=chosen, examples=examples, instructions=known,
        prompt_format=prompt_format,
    )
