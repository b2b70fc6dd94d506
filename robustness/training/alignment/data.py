"""Gathers the training and development data of an alignment.

Instructions of the unobserved-test collection are refused, so that nothing is trained on or
selected by them. Does not handle tasks that the user brings; see `user_tasks`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from robustness.data import instructions, tasks
from robustness.errors import InputError
from robustness.models.chat_formats import Format
from robustness.models.checkpoint import Checkpoint
from robustness.storage import files
from robustness.training.alignment import development, groups
from robustness.training.alignment.development import EvaluationPrompt
from robustness.training.alignment.groups import Pool
from robustness.training.alignment.recipe import AlignRecipe
from robustness.training.backbone import data as backbone_data
from robustness.types import Example, Instruction, content_id

_RESERVE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Collections:
    """The instruction collections of an alignment; None: the shipped one."""

    observed: Sequence[Instruction] | None = None
    paraphrases: Sequence[Instruction] | None = None
    development: Sequence[Instruction] = ()
    """Unobserved-development instructions, where the best update is selected by them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """The data of an alignment: groups to train on, and prompts to evaluate on."""

    pool: Pool
    cells: Mapping[str, Sequence[EvaluationPrompt]]
    """Evaluation set -> its prompts: `observed`, `held_out` (paraphrases that are not trained on)
    and `development` where given; empty sets are absent."""
    digest: str
    """Hash of all instructions and inputs."""
    counts: Mapping[str, int]
    """Numbers of instructions, paraphrases and inputs."""

    @property
    def selects(self) -> str:
        """The evaluation set by which the best update is selected."""
        return next(n for n in ("development", "held_out", "observed") if n in self.cells)


def _developed_on(task: str, examples: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """(training, evaluation) inputs of a task.

    Evaluation inputs are those of split dev, else of the shipped task, else taken off training.
    """
    training = [e for e in examples if e.split == "train"]
    marked = [e for e in examples if e.split == "dev"]
    if not marked and task in tasks.builtin_names():
        marked = list(tasks.builtin(task).split("dev"))
    ids = {e.id for e in marked}
    training = [e for e in training if e.id not in ids]
    if not marked:
        count = min(_RESERVE, len(training) // 4)
        marked, training = training[:count], training[count:]
    return training, marked


def gather(
    recipe: AlignRecipe,
    checkpoint: Checkpoint,
    *,
    examples: Sequence[Example] | None,
    collections: Collections,
    nltk_data: Path | None,
    prompt_format: Format | None = None,
) -> Material:
    """Loads the data and divides it into training and evaluation sets.

    Args:
        recipe: Seed, shares and sizes.
        checkpoint: The backbone, for its tokenizer and context.
        examples: Labelled inputs; None: the embedded backbone's training inputs.
        collections: The instruction collections.
        nltk_data: Folder with NLTK's `corpora`, for the embedded backbone's training inputs.
        prompt_format: Chat format that wraps prompts; None: none.

    Raises:
        NotFoundError: A shipped collection or corpus is missing.
        InputError: No task has inputs, an observed instruction and a paraphrase, or an instruction
            belongs to unobserved-test.
    """
    observed, paraphrases = collections.observed, collections.paraphrases
    if observed is None:
        observed = instructions.builtin(instructions.OBSERVED)
    if paraphrases is None:
        paraphrases = instructions.builtin(instructions.PARAPHRASES)
    if examples is None:
        examples = backbone_data.load_training_examples(recipe.seed, nltk_data=nltk_data)
    for instruction in (*observed, *paraphrases, *collections.development):
        if instruction.collection == instructions.UNOBSERVED_TEST:
            raise InputError(
                f"the instruction {instruction.id} belongs to {instruction.collection}, which "
                "nothing may be trained on or selected by; use unobserved-development"
            )
    training: dict[str, list[Example]] = {}
    evaluation: dict[str, list[Example]] = {}
    for task, found in backbone_data.by_task(examples).items():
        own, marked = _developed_on(task, found)
        if own:
            training[task] = own
        if marked:
            evaluation[task] = marked
    kept, held = groups.hold_out(groups.by_task(paraphrases), recipe.held_out, recipe.seed)
    pool = Pool(
        tokenizer=checkpoint.tokenizer,
        end=(checkpoint.end,) if prompt_format is None else prompt_format.end,
        context=checkpoint.context - recipe.virtual,
        examples=training, observed=groups.by_task(observed), paraphrases=kept, seed=recipe.seed,
        wrap=str if prompt_format is None else prompt_format.wrap,
    )
    if not pool.tasks():
        raise InputError(
            "no task has labelled training inputs, an observed instruction and a paraphrase: "
            f"inputs are for {', '.join(training) or 'no task'}, observed instructions for "
            f"{', '.join(sorted(pool.observed)) or 'none'}, paraphrases for "
            f"{', '.join(sorted(kept)) or 'none'}"
        )
    sets = {"observed": observed, "held_out": held, "development": collections.development}
    cells = {
        name: development.draw(pool, rows, evaluation, recipe.eval_cells, recipe.seed)
        for name, rows in sets.items()
    }
    cells = {name: rows for name, rows in cells.items() if rows}
    if not cells:
        raise InputError("there are no inputs to evaluate on; mark some with split dev")
    return Material(
        pool=pool, cells=cells,
        digest=content_id(
            files.plain(observed), [i.id for i in paraphrases],
            [i.id for i in collections.development], [e.id for e in examples],
        ),
        counts={name: len(rows) for name, rows in sets.items()}
        | {"paraphrases": sum(map(len, kept.values())), "inputs": sum(map(len, training.values()))},
    )
