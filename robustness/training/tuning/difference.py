"""Makes the difference that ships of a tuned model, and measures what it loses.

Does not put a difference onto its base; see `robustness.models.difference`.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from robustness.data import instructions
from robustness.data.tasks import Task, builtin, builtin_names
from robustness.errors import InputError, MismatchError, NotFoundError
from robustness.models.checkpoint import weights_digest
from robustness.models.difference import (
    PARTS,
    RECORD,
    SCHEMA,
    Form,
    Part,
    Tensors,
    decode,
    digest,
    key,
    save_model,
    weights_of,
)
from robustness.models.evaluator import Cell, read_cells
from robustness.models.load_options import Dtype, Loading, PromptFormat
from robustness.models.transformers_engine import TransformersEngine
from robustness.stats import intervals
from robustness.stats.intervals import Estimate
from robustness.storage import files, provenance

LARGEST = 60_000_000
"""Bytes that a difference may have in all."""
INPUTS = 8
"""Development inputs a task on which the loss is measured."""
INSTRUCTIONS = 2
"""Instructions a task and set on which the loss is measured."""
SETS = (instructions.OBSERVED, instructions.UNOBSERVED_DEVELOPMENT)
_DOCUMENTS = ("config.json", "generation_config.json", provenance.TRAINING_FILE)

Report = Callable[[str, int, int], None]
"""Progress callback: (what, done, total)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What is lost against the tuned model's own weights."""

    weights: float
    """Relative error of the difference: Frobenius norm of what is missing over that of the whole
    difference, all changed weights together."""
    worst_weights: float
    """The largest relative error of one weight."""
    answers: int
    """Development answers that were compared, a prompt each."""
    logprobs: float
    """Mean absolute change of an option's log-probability, nats."""
    worst_logprobs: float
    changed: Estimate
    """Share of answers that changed, in points, with its Wilson interval, 95%."""
    accuracy: float
    """Accuracy of the tuned model on these answers, in points, mean over tasks."""
    lost: Estimate
    """Accuracy of the tuned model minus that of the difference, in points, mean over tasks; 95%
    interval over instructions and inputs."""


def _scaled(matrix: torch.Tensor, dim: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(int8 numbers, float32 scales): each line along `dim` by its largest value."""
    largest = matrix.abs().amax(dim=dim, keepdim=True)
    scale = torch.where(largest > 0, largest / 127, 1.0)
    return (matrix / scale).round().to(torch.int8), scale


def _product(added: torch.Tensor, rank: int) -> dict[Part, torch.Tensor]:
    """The product of two matrices nearest to one, in int8."""
    u, s, v = torch.linalg.svd(added, full_matrices=False)
    roots = s[:rank].sqrt()
    left, left_scale = _scaled(u[:, :rank] * roots, 1)
    right, right_scale = _scaled(roots[:, None] * v[:rank], 0)
    return {
        Part.LEFT: left, Part.LEFT_SCALE: left_scale,
        Part.RIGHT: right, Part.RIGHT_SCALE: right_scale,
    }


def encode(base: Tensors, tuned: Tensors, form: Form, rank: int) -> dict[str, torch.Tensor]:
    """The tensors of a difference.

    Args:
        base: The base's weights.
        tuned: The tuned model's; those that are equal to the base's take no space, and those that
            the base has not in this shape and number type, or that are no matrices, are kept whole.
        form: How matrices are written.
        rank: Columns of the first and rows of the second matrix of `Form.LOW_RANK`.
    """
    made = {}
    for name, value in tuned.items():
        before = base.get(name)
        alike = before is not None and (before.shape, before.dtype) == (value.shape, value.dtype)
        if before is None or not alike or value.ndim != 2:
            if not alike or not torch.equal(value, before):  # type: ignore[arg-type]
                made[key(name, Part.WHOLE)] = value.contiguous()
            continue
        if torch.equal(value, before):
            continue
        added = value.float() - before.float()
        rows, columns = added.shape
        if form is Form.LOW_RANK and rank * (rows + columns) < rows * columns:
            parts = _product(added, rank)
        else:
            numbers, scale = _scaled(added, 1)
            parts = {Part.NUMBERS: numbers, Part.SCALE: scale}
        made |= {key(name, part): tensor.contiguous() for part, tensor in parts.items()}
    return made


def weight_errors(base: Tensors, tuned: Tensors, made: Tensors) -> tuple[float, float]:
    """The relative errors `Loss.weights` and `Loss.worst_weights`.

    Args:
        base: The base's weights.
        tuned: The tuned model's.
        made: Those that the difference gives.
    """
    missing, whole, worst = 0.0, 0.0, 0.0
    for name, value in tuned.items():
        before = base.get(name)
        if before is None or before.shape != value.shape or torch.equal(before, value):
            continue
        error = float((value.double() - made[name].double()).square().sum())
        size = float((value.double() - before.double()).square().sum())
        missing, whole = missing + error, whole + size
        worst = max(worst, (error / size) ** 0.5)
    return (missing / whole) ** 0.5 if whole else 0.0, worst


def _read(
    folder: Path, tasks: Sequence[Task], inputs: int, step: Callable[[int, int], None]
) -> list[list[list[Cell]]]:
    """The answers of a model by task and instruction, on development inputs."""
    engine = TransformersEngine(
        folder, prefixes={}, loading=Loading(dtype=Dtype.FLOAT32), prompt_format=PromptFormat.AUTO
    )
    try:
        model = engine.models()[0].id
        found = []
        for number, task in enumerate(tasks, start=1):
            known = [
                i for name in SETS
                for i in [i for i in instructions.builtin(name) if i.task == task.id][:INSTRUCTIONS]
            ]
            examples = [e for e in task.split("dev") if e.answer is not None][:inputs]
            found.append(
                [list(read_cells(engine, model, [(i, e) for e in examples])) for i in known]
            )
            step(number, len(tasks))
        return found
    finally:
        engine.close()


def compare(
    tuned: Path, made: Path, errors: tuple[float, float], *, tasks: Sequence[Task],
    inputs: int = INPUTS, report: Report,
) -> Loss:
    """Measures a model that a difference gives beside the tuned one, on development inputs.

    Args:
        tuned: Folder of the tuned model.
        made: Folder of the model that the difference gives.
        errors: See `weight_errors`.
        tasks: Tasks with development inputs and shipped instructions.
        inputs: Largest number of inputs a task.
        report: Called with (what, done, total) after each task of each model.
    """
    def step(what: str) -> Callable[[int, int], None]:
        return lambda done, total: report(what, done, total)

    before = _read(tuned, tasks, inputs, step("the tuned model"))
    after = _read(made, tasks, inputs, step("with the difference"))
    pairs = [
        (one, other)
        for first, second in zip(before, after, strict=True)
        for row, row2 in zip(first, second, strict=True)
        for one, other in zip(row, row2, strict=True)
    ]
    moved = np.concatenate(
        [np.abs(a.reading.option_logprobs - b.reading.option_logprobs) for a, b in pairs]
    )
    changed = intervals.wilson(sum(a.answer != b.answer for a, b in pairs), len(pairs))

    def right(task: list[list[Cell]]) -> intervals.BoolArray:
        return np.array([[c.answer == c.example.answer for c in row] for row in task])

    tables = [(right(a), right(b)) for a, b in zip(before, after, strict=True)]
    return Loss(
        weights=errors[0], worst_weights=errors[1], answers=len(pairs),
        logprobs=float(moved.mean()), worst_logprobs=float(moved.max()), changed=changed.points,
        accuracy=100 * float(np.mean([a.mean() for a, _ in tables])),
        lost=intervals.paired_bootstrap_mean(tables, rng=np.random.default_rng(0)).points,
    )


def make(
    tuned: Path,
    base: Path,
    out: Path,
    *,
    form: Form = Form.INT8,
    rank: int = 128,
    name: str | None = None,
    inputs: int = INPUTS,
    tasks: Sequence[Task] | None = None,
    report: Report,
) -> dict[str, Any]:
    """Writes the difference of a tuned model to its base, with what it loses.

    Args:
        tuned: Folder of the tuned model, e.g. of `backbone tune`.
        base: Folder of the model that it was tuned from.
        out: Folder of the difference.
        form: How matrices are written.
        rank: See `encode`.
        name: Id of the model that the difference gives; None: the name of `out`.
        inputs: Development inputs a task on which the loss is measured.
        tasks: Tasks on which it is measured; None: the built-in ones.
        report: Called with (what, done, total).

    Returns:
        The record that was written beside the tensors: see `models.difference.RECORD`.

    Raises:
        NotFoundError, CorruptFileError: A model is missing or damaged.
        MismatchError: The model was tuned from another base.
        InputError: The rank is below 1, nothing differs, or the result has more than `LARGEST`
            bytes.
    """
    if rank < 1:
        raise InputError(f"--rank must be at least 1; found {rank}")
    documents = {n: files.read_object(tuned / n) for n in _DOCUMENTS if (tuned / n).is_file()}
    if "config.json" not in documents:
        raise NotFoundError(f"{tuned} has no config.json; name the folder of a finished tuning")
    before, after = weights_of(base), weights_of(tuned)
    recorded = documents.get(provenance.TRAINING_FILE, {}).get("base")
    if recorded is not None and recorded != weights_digest(base):
        raise MismatchError(
            f"{tuned} was tuned from a model whose weights have the hash {recorded}, those of "
            f"{base} have {weights_digest(base)}; name the right one with --base"
        )
    report("taking the difference", 0, 1)
    parts = encode(before, after, form, rank)
    if not parts:
        raise InputError(f"{tuned} has the weights of {base}; there is no difference")
    out.mkdir(parents=True, exist_ok=True)
    with files.atomic_path(out / PARTS) as temporary:
        save_file(parts, temporary)
        size = temporary.stat().st_size
        if size > LARGEST:
            raise InputError(
                f"the difference has {size / 1e6:.1f} MB, at most {LARGEST / 1e6:.0f} may ship; "
                "take --form low-rank with a smaller --rank, or tune fewer layers"
            )
    record: dict[str, Any] = {
        "schema": SCHEMA, "model": name or out.resolve().name, "form": form,
        "rank": rank if form is Form.LOW_RANK else None, "bytes": size,
        "hash": files.file_hash(out / PARTS),
        "base": {"model": base.resolve().name, "digest": digest(before)},
        "weights": sorted(after), "documents": documents,
    }
    made = decode(before, parts, record["weights"])
    with tempfile.TemporaryDirectory(prefix="steadfast-") as aside:
        # The folder's name is the model's id, from which a chat format may follow.
        folder = Path(aside) / str(record["model"])
        folder.mkdir()
        record["result"] = {"hash": save_model(folder, made, record, base)}
        record["loss"] = compare(
            tuned, folder, weight_errors(before, after, made),
            tasks=tasks or [builtin(n) for n in builtin_names()], inputs=inputs, report=report,
        )
    record["provenance"] = provenance.collect(schema=SCHEMA)
    files.write_json(out / RECORD, record)
    return record
