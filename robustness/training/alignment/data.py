"""What an alignment is trained and developed on.

Refuses to know tensors and losses. Unobserved-test never comes here.
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
    """Sets of instructions; None: the shipped one."""

    observed: Sequence[Instruction] | None = None
    paraphrases: Sequence[Instruction] | None = None
    development: Sequence[Instruction] = ()
    """Unobserved-development, where the caller selects by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Groups to train on, cells to evaluate, and what they were made from."""

    pool: Pool
    cells: Mapping[str, Sequence[EvaluationPrompt]]
    """`observed`, `held_out`, and `development` where given; none is empty."""
    digest: str
    """Hash of all instructions and inputs."""
    counts: Mapping[str, int]

    @property
    def selects(self) -> str:
        """The set that early stopping looks at."""
        return next(n for n in ("development", "held_out", "observed") if n in self.cells)


def _developed_on(task: str, examples: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """Inputs to train on and to evaluate; the latter from the shipped task where none is marked."""
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
    """Loads and splits everything.

    Args:
        recipe: Seed, shares and sizes.
        checkpoint: Gives the tokenizer.
        examples: Labelled inputs; None: the backbone's training examples.
        collections: Sets of instructions.
        nltk_data: Folder with NLTK's `corpora`, for the backbone's training examples.
        prompt_format: What stands around prompts; None: nothing.

    Raises:
        NotFoundError: A shipped collection or corpus is missing.
        InputError: No task has inputs, an observed instruction and a paraphrase, or one of the
            instructions belongs to unobserved-test.
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
        tokenizer=checkpoint.tokenizer, end=checkpoint.end,
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
