"""Saves an observed index in a folder, and loads it after checks.

Does not build it; see `building.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors.numpy import load_file, save_file

from robustness.data import instructions as collections
from robustness.errors import (
    CorruptFileError,
    MismatchError,
    MissingIndexError,
    NotFoundError,
)
from robustness.index import vector_store
from robustness.index.neighbours import PAIRWISE, PointSet, left_out
from robustness.index.observed_index import SCHEMA, IndexRecipe, ObservedIndex, TaskIndex
from robustness.index.vector_store import Choice
from robustness.storage import files
from robustness.storage.validation import first_fault
from robustness.storage.versioned_files import Generation
from robustness.types import PER_BYTE, FloatArray, Provenance, RepresentationSpec

MANIFEST = "manifest.json"
_ALONE = "instructions"
_PROBED = "probes.safetensors"
_LEFT_OUT = "left_out"


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
            f"the model {spec.model} has no observed index at {folder}, so there is no prediction; "
            "build it with: python -m robustness index build --model MODEL"
        ) from None


def _told(built: str, asked: str) -> str:
    """Which options make a model's prompt format that of an index."""
    if built.removesuffix(PER_BYTE) == asked.removesuffix(PER_BYTE):
        return f"give --option-scores {'per-byte' if built.endswith(PER_BYTE) else 'sum'}, or "
    if "(" in built:
        return "give the chat template the options in brackets (--template-date and others), or "
    return ""


def check_spec(folder: Path, found: RepresentationSpec, spec: RepresentationSpec) -> None:
    """Whether an index belongs to a model.

    Args:
        folder: The index's folder, for the message.
        found: What the index was built with.
        spec: What the model has.

    Raises:
        MismatchError: They differ; the message names the first difference.
    """
    for name in ("model", "revision", "prefix", "layer", "position", "prompt_format"):
        built, asked = getattr(found, name), getattr(spec, name)
        if built != asked:
            told = _told(str(built), str(asked)) if name == "prompt_format" else ""
            raise MismatchError(
                f"the index at {folder} was built with {name} {built!r}, the model has "
                f"{asked!r}; {told}build it again with: python -m robustness index build"
            )


def _load(
    folder: Path, spec: RepresentationSpec, digest: str, mapped: bool
) -> ObservedIndex:
    path = folder / MANIFEST
    manifest = _manifest(path)
    check_spec(folder, manifest.spec, spec)
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
