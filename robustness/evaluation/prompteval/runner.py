"""Quantiles of a task's accuracy over many instructions, asking a model only part of the cells.

Refuses to know how quantiles are estimated (`quantiles.py`): it chooses inputs, asks, remembers.
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
from robustness.storage import tables
from robustness.storage.result_cache import Journal
from robustness.types import Example, Instruction, content_id


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetReport:
    """Accuracy over instructions from a part of the cells; everything in points."""

    task: str
    model: str
    instructions: tuple[str, ...]
    """Texts, in the order of `found.accuracies`."""
    inputs: int
    called: int
    """Prompts that were read now; what a journal knew is not among them."""
    found: Quantiles


def pool(
    task: Task, file: Path | None, *, paraphrases: int = 0, seed: int = 0
) -> tuple[list[Instruction], dict[str, str]]:
    """The instructions to study.

    Args:
        task: Whose phrasings they are.
        file: A table with the column `instruction`, a collection file, or None: the shipped
            observed and unobserved-development instructions of the task.
        paraphrases: Automatic paraphrases of each, besides.
        seed: Of the paraphrases.

    Returns:
        The instructions, and text -> why it was left out.

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
        texts = dict.fromkeys(str(t) for t in tables.read_table(file)[tables.INSTRUCTION])
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
    """Studies instructions on a task's labelled test inputs.

    Args:
        engine: Where the model runs.
        model: A served model id.
        chosen: At least `quantiles.MINIMUM` instructions.
        task: With labelled inputs.
        share: Of all cells that may be asked, in (0, 1].
        width: Points; stop as soon as no quantile's interval is wider.
        limit: Inputs at the most.
        journal: File that keeps every answer; a run with the same file asks nothing twice.
        seed: Of the allocation.
        on_round: Called after each round.
        should_stop: Asked between chunks.

    Raises:
        InputError: The share is out of range, or there is too little to study.
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
    """(J,) number of each labelled input's right answer among those of all."""
    known = sorted({str(e.answer) for e in examples})
    return [known.index(str(e.answer)) for e in examples]


def planned(count: int, inputs: int, share: float) -> int:
    """Prompts at the most for so many instructions and inputs: each instruction gets one."""
    return max(count, round(share * count * inputs))
