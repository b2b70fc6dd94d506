"""Runs PromptEval on a model: collects instructions, evaluates cells, and keeps the answers.

Does not estimate quantiles; see `quantiles`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from robustness.data import instructions
from robustness.data.instructions import OBSERVED, UNOBSERVED_DEVELOPMENT
from robustness.data.tasks import Task
from robustness.data.user_instruction import instruction as typed_instruction
from robustness.errors import InputError
from robustness.evaluation.prompteval import quantiles
from robustness.evaluation.prompteval.quantiles import Cells, Quantiles
from robustness.index import representations
from robustness.models import evaluator
from robustness.models.engine import Engine
from robustness.models.evaluator import ShouldStop
from robustness.paraphrasing.rule_based import paraphrase
from robustness.storage import cells, tables
from robustness.storage.result_cache import Journal
from robustness.types import Example, Instruction, content_id


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetReport:
    """Result of PromptEval for one task and model."""

    task: str
    model: str
    instructions: tuple[str, ...]
    """Texts of the instructions, in the order of `found.accuracies`."""
    inputs: int
    """Number of labelled inputs."""
    called: int
    """Number of prompts that the model was run on; those of an earlier run are not counted."""
    found: Quantiles


def pool(
    task: Task, file: Path | None, *, paraphrases: int = 0, seed: int = 0
) -> tuple[list[Instruction], dict[str, str]]:
    """Collects the instructions to evaluate.

    Args:
        task: The task that they are for.
        file: A table with the column `instruction`, or a collection file; None: the shipped
            observed and unobserved-development instructions of the task.
        paraphrases: Number of rule-based paraphrases to add for each instruction.
        seed: Seed of the paraphrases.

    Returns:
        The instructions, and text -> reason for those that were left out.

    Raises:
        InputError, NotFoundError, CorruptFileError: See `tables.read_table`.
    """
    left: dict[str, str] = {}
    if file is None:
        chosen = [
            i
            for name in (OBSERVED, UNOBSERVED_DEVELOPMENT)
            for i in instructions.for_task(instructions.builtin(name), task.id, task.task_type)
        ]
    elif instructions.is_collection(file):
        chosen = instructions.for_task(instructions.read_collection(file), task.id, task.task_type)
    else:
        texts = dict.fromkeys(
            cells.text_of(row.cells[tables.INSTRUCTION]) for row in tables.read_table(file).rows
        )
        chosen = [typed_instruction(t, task.task_type, task.id) for t in texts if t.strip()]
    made = {i.id: i for i in chosen}
    if paraphrases:
        made |= {i.id: i for i in paraphrase(chosen, seed, per_instruction=paraphrases)}
    for key, instruction in list(made.items()):
        if not representations.fits(instruction, task.fields):
            left[instruction.text] = (
                f"it names a placeholder that {task.id} does not have; its inputs have "
                f"{', '.join(task.fields)}"
            )
            del made[key]
    return list(made.values()), left


def measure(
    engine: Engine,
    model: str,
    chosen: Sequence[Instruction],
    task: Task,
    *,
    share: float = 0.1,
    width: float | None = None,
    limit: int | None = None,
    journal: Path | None = None,
    seed: int = 0,
    on_round: quantiles.Report | None = None,
    should_stop: ShouldStop | None = None,
) -> BudgetReport:
    """Estimates quantiles of accuracy over instructions on a task's labelled inputs.

    Args:
        engine: Runs the model.
        model: Id of a model that the engine serves.
        chosen: The instructions, at least `quantiles.MINIMUM`.
        task: A task with labelled inputs.
        share: Budget as a share of all cells, in (0, 1].
        width: Stop when no quantile's interval is wider, in points.
        limit: Largest number of inputs.
        journal: File that keeps the answers, so that a later run does not repeat a prompt.
        seed: Seed of the choice of cells.
        on_round: Called after each round.
        should_stop: Called between chunks of prompts; True cancels.

    Raises:
        InputError: The share is out of range, or there are too few instructions or inputs.
        CancelledError, NotFoundError, EngineError: See `evaluator.read_cells`.
    """
    if not 0.0 < share <= 1.0:
        raise InputError(f"the budget is a share of the cells between 0 and 1, found {share}")
    examples = task.labelled[:limit]
    spec = str(representations.model_info(engine, model).spec)
    kept = Journal(journal, resume=True)
    called = 0

    def ask(cells: Cells) -> list[bool]:
        nonlocal called
        keys = [content_id(spec, chosen[i].id, examples[j].id) for i, j in cells]
        new = [n for n, key in enumerate(keys) if kept.get(key) is None]
        pairs = [(chosen[cells[n][0]], examples[cells[n][1]]) for n in new]
        right: dict[int, bool] = {}
        read = evaluator.read_cells(engine, model, pairs, should_stop=should_stop)
        for n, cell in zip(new, read, strict=True):
            right[n] = bool(evaluator.record(model, cell).correct)
            kept.keep(keys[n], right[n])
            called += 1
        return [right[n] if n in right else bool(kept.get(key)) for n, key in enumerate(keys)]

    found = quantiles.study(
        ask, [i.text for i in chosen], len(examples),
        budget=planned(len(chosen), len(examples), share), width=width,
        strata=right_answers(examples), seed=seed, on_round=on_round,
    )
    return BudgetReport(
        task=task.id, model=model, instructions=tuple(i.text for i in chosen),
        inputs=len(examples), called=called, found=found,
    )


def right_answers(examples: Sequence[Example]) -> list[int]:
    """(J,) index of each labelled input's right answer among all different answers."""
    known = sorted({str(e.answer) for e in examples})
    return [known.index(str(e.answer)) for e in examples]


def planned(count: int, inputs: int, share: float) -> int:
    """Budget in cells for a share of all cells; at least one cell per instruction."""
    return max(count, round(share * count * inputs))
