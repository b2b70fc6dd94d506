"""The backbone and data of an ablation, from files or from what ships.

Refuses to know methods and seeds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from robustness.data import instructions, tasks
from robustness.data.tasks import Task
from robustness.models.chat_formats import PromptFormat
from robustness.training.ablation.plan import Subject
from robustness.training.backbone import data as backbone_data
from robustness.types import Example, Instruction

_SHIPPED = (
    instructions.OBSERVED, instructions.PARAPHRASES, instructions.UNOBSERVED_DEVELOPMENT,
    instructions.UNOBSERVED_TEST,
)
_EXAMPLES_SEED = 1
"""One draw of generated inputs for all runs, so that seeds differ in the training alone."""


def gather(
    model: str,
    *,
    chosen: Sequence[Task] | None = None,
    sets: Mapping[str, Sequence[Instruction]] | None = None,
    nltk_data: Path | None = None,
    prompt_format: str = PromptFormat.NONE,
) -> Subject:
    """Loads a subject.

    Args:
        model: A folder or hub name.
        chosen: Tasks whose inputs of split `train` are trained on and whose labelled test
            inputs are measured on; None: the built-in tasks and the embedded backbone's training
            examples.
        sets: What a shipped collection is replaced by, by its name.
        nltk_data: Folder with NLTK's `corpora`, for the embedded backbone's training examples.
        prompt_format: What stands around prompts that are measured: see `formats.choose`.

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
