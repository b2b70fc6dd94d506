"""The observed index: where a backbone's observed instructions lie, and how accurate they are.

Refuses to serve another backbone, revision, prefix or layer, and knows nothing of predictions.
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
    """How an index is made."""

    inputs: int = 16
    """Development inputs of each task that a representation is the mean over."""
    probes: int = 64
    """Development inputs of each task on which observed instructions' answers are kept."""
    measured: int = 128
    """Test inputs of each task that observed instructions are measured on."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TaskIndex:
    """One task's observed instructions."""

    space: PointSet
    example_ids: tuple[str, ...]
    """Labelled inputs that they were measured on."""
    correct: BoolArray
    """(I, N) bool, instructions in the order of `space.ids`."""
    own: bool
    """False: no observed instruction is for this task, those of its type stand in; then
    their accuracy is no baseline."""
    probe_ids: tuple[str, ...]
    """Inputs behind `probed`."""
    probed: FloatArray
    """(I, P, C) float32, nats: option log-probabilities on the task's first development inputs;
    NaN where an input has fewer options."""

    def accuracy(self, instruction_id: str) -> float | None:
        """Measured accuracy in [0, 1] of one; None where it is no baseline."""
        if not self.own or not self.correct.shape[1]:
            return None
        return float(self.correct[self.space.rows[instruction_id]].mean())

    def deficit(self, instruction_id: str) -> float | None:
        """Mean accuracy minus that of one, in [-1, 1]; positive: worse than its peers."""
        own, mean = self.accuracy(instruction_id), self.mean_accuracy
        return None if own is None or mean is None else mean - own

    @property
    def mean_accuracy(self) -> float | None:
        """Mean accuracy in [0, 1] over the observed instructions; None where undefined."""
        return float(self.correct.mean()) if self.own and self.correct.size else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ObservedIndex:
    """All of one model's observed instructions."""

    spec: RepresentationSpec
    recipe: IndexRecipe
    instructions: Mapping[str, Instruction]
    tasks: Mapping[str, TaskIndex]
    alone: PointSet
    digest: str
    """Hash of the manifest; a calibration belongs to exactly one."""
    made: Provenance

    def home(self, instruction_id: str) -> str | None:
        """A task that an observed instruction was measured on; None where it was on none."""
        asked = self.instructions[instruction_id].task
        if asked in self.tasks:
            return asked
        return next(
            (n for n, t in self.tasks.items() if t.own and instruction_id in t.space.rows), None
        )


def folder_of(spec: RepresentationSpec, root: Path = paths.INDEXES) -> Path:
    """Where the index of a model lies: `<root>/<backbone>/<original or prefix>`."""
    return root / spec.model / (ORIGINAL if spec.prefix is None else spec.prefix.split("@")[0])


def observed_for(task: Task, observed: Sequence[Instruction]) -> tuple[list[Instruction], bool]:
    """The observed instructions to compare with on a task, and whether they are its own."""
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
    """The unlabelled inputs that represent a task."""
    return task.split("dev")[: recipe.inputs]


def probes_of(task: Task, recipe: IndexRecipe) -> tuple[Example, ...]:
    """The inputs on which answers are compared, those that represent the task among them."""
    return task.split("dev")[: max(recipe.inputs, recipe.probes)]


def known_probes(task: Task, recipe: IndexRecipe, part: TaskIndex) -> tuple[Example, ...]:
    """The inputs whose observed answers are kept, up to the first that the task no longer has."""
    pairs = zip(probes_of(task, recipe), part.probe_ids, strict=False)
    return tuple(e for e, _ in takewhile(lambda pair: pair[0].id == pair[1], pairs))


def measured_of(task: Task, recipe: IndexRecipe) -> tuple[Example, ...]:
    """The labelled inputs that accuracy is measured on."""
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
    """Reads every observed instruction on every task that it is for.

    Args:
        engine: Where the model runs.
        model: A served model id.
        observed: The observed collection.
        tasks: With their examples.
        recipe: How many inputs.
        on_progress: Called with (tasks done, tasks).
        should_stop: Asked between chunks.

    Raises:
        InputError: There is nothing observed.
        NotFoundError, EngineError, CancelledError: See `evaluation.read_cells`.
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
    """One task's part of an index: instructions read, and measured where they are its own.

    Args:
        engine: Where the model runs.
        model: A served model id.
        recipe: How many inputs.
        task: With its examples; it has development inputs.
        chosen: At least one.
        own: See `observed_for`.
        should_stop: Asked between chunks.

    Raises:
        NotFoundError, EngineError, CancelledError: See `evaluation.read_cells`.
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
    """Writes the FAISS files and, last, the manifest that vouches for them.

    Args:
        index: To be written.
        folder: See `folder_of`.
        onto: Digest of the index there that this one comes from. Its files are left as they are
            until the new manifest stands in its place, so that whoever reads meanwhile finds one
            index or the other.

    Raises:
        MismatchError: The index there is another by now.
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
    """Writes points; what the manifest says of them, the usual left out."""
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
        """Their names."""
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
        """Names of all files that it vouches for."""
        parts = {_ALONE: self.alone, **self.tasks}
        return [self.probes_file, *(f for name, row in parts.items() for f in row.files(name))]


def _manifest(path: Path) -> _Manifest:
    document = files.read_json(path, schema=SCHEMA)
    try:
        return _Manifest.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise CorruptFileError(f"{path}: {key}: {first['msg']}") from error


def _vouched(path: Path, sha256: str) -> Path:
    again = "build it again with: python -m robustness index build"
    if not path.is_file():
        raise CorruptFileError(f"{path} is missing though the manifest names it; {again}")
    if files.file_hash(path) != sha256:
        raise CorruptFileError(f"{path} is not the file that the manifest vouches for; {again}")
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
    """Reads the index of one model.

    Args:
        folder: See `folder_of`.
        spec: Of the model that will be asked.
        mapped: Whether large files may stay on the disk; they cannot be changed then.

    Raises:
        MissingIndexError: It was not built yet.
        MismatchError: It was built with another model, revision, prefix, layer, prompt format or
            schema.
        CorruptFileError: A file is missing or was changed.
    """
    path = folder / MANIFEST
    try:
        digest = files.file_hash(path)
        return _load(folder, spec, digest, mapped)
    except CorruptFileError:
        # Another process may have put a new manifest there and taken its old files away.
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
