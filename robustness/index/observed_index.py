"""The observed index of a model: representations and accuracy of its observed instructions.

It is built by running every observed instruction on some inputs of each task, saved as FAISS files
with a manifest, and loaded only for the model, revision, prefix, layer and prompt format that it
was built with. Does not handle adding or removing instructions; see `update`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors.numpy import load_file, save_file

from robustness import paths
from robustness.data import instructions as collections
from robustness.data.tasks import Task
from robustness.errors import (
    CorruptFileError,
    InputError,
    MismatchError,
    MissingIndexError,
    NotFoundError,
)
from robustness.index import representations, vector_store
from robustness.index.neighbours import PAIRWISE, PointSet, left_out, point_set
from robustness.index.vector_store import Choice
from robustness.models.engine import Engine
from robustness.models.evaluator import Progress, ShouldStop, correctness, evaluate
from robustness.stats.intervals import BoolArray
from robustness.storage import files, provenance
from robustness.storage.validation import first_fault
from robustness.storage.versioned_files import Generation
from robustness.types import Example, FloatArray, Instruction, Provenance, RepresentationSpec

SCHEMA = 2
ORIGINAL = "original"
MANIFEST = "manifest.json"
_ALONE = "instructions"
_PROBED = "probes.safetensors"
_LEFT_OUT = "left_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRecipe:
    """How many inputs of each task an index is built from."""

    inputs: int = 16
    """Development inputs of each task over which a representation is averaged."""
    probes: int = 64
    """Development inputs of each task for which the observed instructions' option log-probabilities
    are kept."""
    measured: int = 128
    """Labelled test inputs of each task on which observed instructions are measured."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TaskIndex:
    """Representations, answers and accuracy of the observed instructions on one task."""

    space: PointSet
    example_ids: tuple[str, ...]
    """Ids of the N labelled inputs on which accuracy was measured."""
    correct: BoolArray
    """(I, N) bool: right or not, instructions in the order of `space.ids`."""
    own: bool
    """Whether there are observed instructions for this very task. False: those of other tasks of
    its type are used in their place, and their accuracy is no baseline."""
    probe_ids: tuple[str, ...]
    """Ids of the P inputs of `probed`."""
    probed: FloatArray
    """(I, P, C) float32, nats: option log-probabilities on the task's first development inputs;
    NaN where an input has fewer options."""

    def accuracy(self, instruction_id: str) -> float | None:
        """Measured accuracy of one instruction in [0, 1]; None where it was not measured."""
        if not self.own or not self.correct.shape[1]:
            return None
        return float(self.correct[self.space.rows[instruction_id]].mean())

    def deficit(self, instruction_id: str) -> float | None:
        """Mean accuracy of the observed instructions minus that of one, in [-1, 1], or None."""
        own, mean = self.accuracy(instruction_id), self.mean_accuracy
        return None if own is None or mean is None else mean - own

    @property
    def mean_accuracy(self) -> float | None:
        """Mean accuracy over the observed instructions in [0, 1]; None where not measured."""
        return float(self.correct.mean()) if self.own and self.correct.size else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ObservedIndex:
    """The observed instructions of one model, task by task and without any input."""

    spec: RepresentationSpec
    recipe: IndexRecipe
    instructions: Mapping[str, Instruction]
    """Id -> observed instruction."""
    tasks: Mapping[str, TaskIndex]
    alone: PointSet
    """Representations of the instructions without any input: see `representations.alone`."""
    digest: str
    """SHA-256 of the manifest; a calibration belongs to exactly one. Empty before `save`."""
    made: Provenance

    def home(self, instruction_id: str) -> str | None:
        """Id of a task on which an observed instruction was measured; None if there is none."""
        asked = self.instructions[instruction_id].task
        if asked in self.tasks:
            return asked
        return next(
            (n for n, t in self.tasks.items() if t.own and instruction_id in t.space.rows), None
        )


def folder_of(spec: RepresentationSpec, root: Path = paths.INDEXES) -> Path:
    """Folder of a model's index: `<root>/<backbone>/<original or the prefix's name>`."""
    return root / spec.model / (ORIGINAL if spec.prefix is None else spec.prefix.split("@")[0])


def observed_for(task: Task, observed: Sequence[Instruction]) -> tuple[list[Instruction], bool]:
    """The observed instructions to compare with on a task, and whether they are for that task.

    Where no observed instruction is for the task, those of its task type whose templates fit its
    inputs are returned.
    """
    own = [
        i for i in collections.for_task(observed, task.id, task.task_type)
        if representations.fits(i, task.fields)
    ]
    if own:
        return own, True
    kin = [
        i for i in observed
        if i.task_type == task.task_type and representations.fits(i, task.fields)
    ]
    return kin, False


def inputs_of(task: Task, recipe: IndexRecipe) -> tuple[Example, ...]:
    """The inputs over which an instruction's representation on a task is averaged."""
    return task.split("dev")[: recipe.inputs]


def probes_of(task: Task, recipe: IndexRecipe) -> tuple[Example, ...]:
    """The inputs on which answers are compared; `inputs_of` is their beginning or all of them."""
    return task.split("dev")[: max(recipe.inputs, recipe.probes)]


def known_probes(task: Task, recipe: IndexRecipe, part: TaskIndex) -> tuple[Example, ...]:
    """The inputs with kept answers of observed instructions, up to the first that was changed."""
    pairs = zip(probes_of(task, recipe), part.probe_ids, strict=False)
    return tuple(e for e, _ in takewhile(lambda pair: pair[0].id == pair[1], pairs))


def measured_of(task: Task, recipe: IndexRecipe) -> tuple[Example, ...]:
    """The labelled test inputs on which accuracy is measured."""
    return tuple(e for e in task.split("test") if e.answer is not None)[: recipe.measured]


def build(
    engine: Engine,
    model: str,
    observed: Sequence[Instruction],
    tasks: Sequence[Task],
    *,
    recipe: IndexRecipe | None = None,
    on_progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> ObservedIndex:
    """Builds the index of a model: runs every observed instruction on every task that it is for.

    Args:
        engine: Runs the model.
        model: Id of a model that the engine serves.
        observed: The observed instructions.
        tasks: The tasks, with their examples.
        recipe: How many inputs of each task are used.
        on_progress: Called with (tasks done, number of tasks).
        should_stop: Called between chunks of prompts; True cancels.

    Returns:
        The index, not yet saved.

    Raises:
        InputError: There are no observed instructions.
        NotFoundError, EngineError, CancelledError: See `evaluator.read_cells`.
    """
    recipe = recipe or IndexRecipe()
    info = representations.model_info(engine, model)
    if not observed:
        raise InputError("an index needs at least one observed instruction")
    built: dict[str, TaskIndex] = {}
    for number, task in enumerate(tasks, start=1):
        chosen, own = observed_for(task, observed)
        if chosen and probes_of(task, recipe):
            built[task.id] = read_task(engine, model, recipe, task, chosen, own, should_stop)
        if on_progress is not None:
            on_progress(number, len(tasks))
    alone = representations.alone(engine, model, observed)
    return ObservedIndex(
        spec=info.spec, recipe=recipe, instructions={i.id: i for i in observed}, tasks=built,
        alone=point_set([i.id for i in observed], alone), digest="",
        made=provenance.collect(schema=SCHEMA, device=engine.name),
    )


def read_task(
    engine: Engine,
    model: str,
    recipe: IndexRecipe,
    task: Task,
    chosen: Sequence[Instruction],
    own: bool,
    should_stop: ShouldStop | None,
) -> TaskIndex:
    """Builds one task's part of an index.

    Args:
        engine: Runs the model.
        model: Id of a model that the engine serves.
        recipe: How many inputs are used.
        task: A task with development inputs.
        chosen: The observed instructions, at least one.
        own: Whether they are for this task, see `observed_for`; only then is accuracy measured.
        should_stop: Called between chunks of prompts; True cancels.

    Raises:
        NotFoundError, EngineError, CancelledError: See `evaluator.read_cells`.
    """
    inputs, labelled = probes_of(task, recipe), measured_of(task, recipe)
    readings = representations.read_on(engine, model, chosen, inputs, should_stop=should_stop)
    records = evaluate(engine, model, chosen if own else [], labelled, should_stop=should_stop)
    return TaskIndex(
        space=point_set([i.id for i in chosen], readings.mean(recipe.inputs)),
        example_ids=tuple(e.id for e in labelled) if own else (),
        correct=correctness(records).reshape(len(chosen), -1),
        own=own,
        probe_ids=tuple(e.id for e in inputs),
        probed=readings.option_logprobs,
    )


def save(index: ObservedIndex, folder: Path, *, onto: str | None = None) -> ObservedIndex:
    """Writes the FAISS files of an index and, last, the manifest with their hashes.

    Args:
        index: The index to write.
        folder: See `folder_of`.
        onto: Digest of the index in the folder that this one was updated from. Its files are kept
            until the new manifest is written, so that a process that reads meanwhile finds one
            index or the other.

    Returns:
        The index with its digest.

    Raises:
        MismatchError: The index in the folder is no longer the one that was updated.
    """
    before: Sequence[str] = ()
    if onto is not None:
        if files.file_hash(folder / MANIFEST) != onto:
            raise MismatchError(f"the index at {folder} was changed meanwhile; run this again")
        before = _manifest(folder / MANIFEST).files()
    made = Generation(folder, before)
    probed, probed_hash = made.write(
        _PROBED,
        lambda path: save_file(
            {name: np.ascontiguousarray(t.probed) for name, t in index.tasks.items()}, path
        ),
    )
    document = {
        "schema": SCHEMA,
        "spec": index.spec,
        "recipe": index.recipe,
        "probes_sha256": probed_hash,
        **({} if probed == _PROBED else {"probes_file": probed}),
        "instructions": list(index.instructions.values()),
        "alone": {"ids": index.alone.ids, **_saved(made, _ALONE, index.alone)},
        "tasks": {
            name: {
                "ids": part.space.ids,
                **_saved(made, name, part.space),
                "own": part.own,
                "accuracy": {i: part.accuracy(i) for i in part.space.ids},
                "example_ids": part.example_ids,
                "probe_ids": part.probe_ids,
                "correct": ["".join("01"[int(c)] for c in row) for row in part.correct],
            }
            for name, part in index.tasks.items()
        },
        "provenance": index.made,
    }
    files.write_json(folder / MANIFEST, document)
    digest = files.file_hash(folder / MANIFEST)
    made.settle()
    return replace(index, digest=digest)


def _saved(made: Generation, name: str, points: PointSet) -> dict[str, object]:
    """Writes one point set; returns its manifest entry, without keys of default value."""
    usual = f"{name}.faiss"
    file, sha256 = made.write(usual, points.searcher.write)
    row: dict[str, object] = {"sha256": sha256}
    if file != usual:
        row["file"] = file
    if points.searcher.choice is not None:
        row["search"] = points.searcher.choice
    if len(points.ids) > PAIRWISE:
        gaps, gaps_hash = made.write(
            f"{name}.left-out.safetensors",
            lambda path: save_file({_LEFT_OUT: points.left_out}, path),
        )
        row["left_out"] = {"file": gaps, "sha256": gaps_hash}
    return row


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


class _File(_Row):
    file: str
    sha256: str


class _Points(_Row):
    ids: tuple[str, ...]
    sha256: str
    file: str | None = None
    search: Choice | None = None
    left_out: _File | None = None

    def files(self, name: str) -> Iterator[str]:
        """Names of the point set's files."""
        yield self.file or f"{name}.faiss"
        if self.left_out is not None:
            yield self.left_out.file


class _TaskRow(_Points):
    own: bool
    accuracy: dict[str, float | None]
    example_ids: tuple[str, ...]
    probe_ids: tuple[str, ...]
    correct: tuple[str, ...]


class _Manifest(_Row):
    schema_: int = Field(alias="schema")
    spec: RepresentationSpec
    recipe: IndexRecipe
    probes_sha256: str
    probes_file: str = _PROBED
    instructions: list[dict[str, Any]]
    alone: _Points
    tasks: dict[str, _TaskRow]
    provenance: Provenance

    def files(self) -> list[str]:
        """Names of all files that the manifest lists."""
        parts = {_ALONE: self.alone, **self.tasks}
        return [self.probes_file, *(f for name, row in parts.items() for f in row.files(name))]


def _manifest(path: Path) -> _Manifest:
    document = files.read_json(path, schema=SCHEMA)
    try:
        return _Manifest.model_validate(document)
    except ValidationError as error:
        raise CorruptFileError(f"{path}: {first_fault(error)}") from error


def _vouched(path: Path, sha256: str) -> Path:
    again = "build it again with: python -m robustness index build"
    if not path.is_file():
        raise CorruptFileError(f"{path} is missing, but the manifest lists it; {again}")
    if files.file_hash(path) != sha256:
        raise CorruptFileError(f"{path} does not have the hash in the manifest; {again}")
    return path


def _points(folder: Path, name: str, row: _Points, mapped: bool) -> PointSet:
    path = _vouched(folder / (row.file or f"{name}.faiss"), row.sha256)
    read = vector_store.read_store(path, len(row.ids), row.search, mapped=mapped)
    if len(read) != len(row.ids):
        raise CorruptFileError(f"{path} holds {len(read)} points, the manifest {len(row.ids)}")
    if row.left_out is None:
        return PointSet(row.ids, read, left_out(read, read.vectors()))
    kept = load_file(_vouched(folder / row.left_out.file, row.left_out.sha256))
    return PointSet(row.ids, read, kept[_LEFT_OUT])


def load(
    folder: Path, spec: RepresentationSpec, *, mapped: bool = True
) -> ObservedIndex:
    """Loads the index of one model from its folder.

    Args:
        folder: See `folder_of`.
        spec: The representation space of the model that will answer queries.
        mapped: Whether large files may be memory-mapped; a mapped index cannot be updated.

    Raises:
        MissingIndexError: The index was not built yet.
        MismatchError: It was built with another model, revision, prefix, layer, prompt format or
            schema.
        CorruptFileError: A file is missing or was changed.
    """
    path = folder / MANIFEST
    try:
        digest = files.file_hash(path)
        return _load(folder, spec, digest, mapped)
    except CorruptFileError:
        # Another process may have replaced the manifest meanwhile and removed the old files.
        if files.file_hash(path) == digest:
            raise
        return _load(folder, spec, files.file_hash(path), mapped)
    except (FileNotFoundError, NotFoundError):
        raise MissingIndexError(
            f"the model {spec.model} has no observed index at {folder}; build it with: "
            "python -m robustness index build --model MODEL"
        ) from None


def _load(
    folder: Path, spec: RepresentationSpec, digest: str, mapped: bool
) -> ObservedIndex:
    path = folder / MANIFEST
    manifest = _manifest(path)
    for name in ("model", "revision", "prefix", "layer", "position", "prompt_format"):
        built, asked = getattr(manifest.spec, name), getattr(spec, name)
        if built != asked:
            raise MismatchError(
                f"the index at {folder} was built with {name} {built!r}, the model has "
                f"{asked!r}; build it again with: python -m robustness index build"
            )
    known = [collections.parse_instruction(row, str(path)) for row in manifest.instructions]
    probed = load_file(_vouched(folder / manifest.probes_file, manifest.probes_sha256))
    return ObservedIndex(
        spec=manifest.spec,
        recipe=manifest.recipe,
        instructions={i.id: i for i in known},
        tasks={
            name: _task(folder, name, row, probed[name], mapped)
            for name, row in manifest.tasks.items()
        },
        alone=_points(folder, _ALONE, manifest.alone, mapped),
        digest=digest,
        made=manifest.provenance,
    )


def _task(
    folder: Path, name: str, row: _TaskRow, probed: FloatArray, mapped: bool
) -> TaskIndex:
    bits = np.array([[c == "1" for c in line] for line in row.correct], dtype=np.bool_)
    return TaskIndex(
        space=_points(folder, name, row, mapped),
        example_ids=row.example_ids,
        correct=bits.reshape(len(row.ids), -1),
        own=row.own,
        probe_ids=row.probe_ids,
        probed=probed,
    )
