"""Writes and reads `calibration.json`, the calibration beside an index."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from robustness.errors import CorruptFileError, MismatchError
from robustness.index.observed_index import ObservedIndex
from robustness.prediction.degradation.predictor import (
    Calibration,
    Line,
    Point,
    Shrinkage,
    Support,
)
from robustness.prediction.degradation.stopping import Stopping
from robustness.storage import files
from robustness.storage.validation import first_fault
from robustness.types import Provenance, RepresentationSpec, TaskSource

SCHEMA = 3
FILE = "calibration.json"


def save(calibration: Calibration, folder: Path) -> Path:
    """Writes `calibration.json` beside the index's manifest."""
    path = folder / FILE
    files.write_json(path, {"schema": SCHEMA} | files.plain(calibration), indent=None)
    return path


def encoded(root: Path) -> set[str]:
    """The hashes of embeddings that the calibrations of a model's indexes need.

    Args:
        root: The folder with the model's indexes.

    Raises:
        CorruptFileError, MismatchError: See `files.read_json`.
    """
    found = set()
    for path in root.glob(f"*/{FILE}"):
        support = files.read_json(path, schema=SCHEMA).get("support") or {}
        if support.get("encoded"):
            found.add(str(support["encoded"]["digest"]))
    return found


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")

    schema_: int = Field(alias="schema")
    spec: RepresentationSpec
    index_digest: str
    coverage: float
    lines: dict[TaskSource, Line]
    probed: dict[TaskSource, dict[int, Line]]
    labelled: dict[TaskSource, dict[int, Shrinkage]]
    points: tuple[Point, ...]
    made: Provenance
    support: Support | None = None
    stopping: Stopping | None = None


def load(folder: Path, index: ObservedIndex) -> Calibration | None:
    """Reads the calibration of an index; None where there is none.

    Raises:
        MismatchError: The calibration belongs to another index.
        CorruptFileError: The file is malformed.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        row = _Document.model_validate(files.read_json(path, schema=SCHEMA))
    except ValidationError as error:
        raise CorruptFileError(f"{path}: {first_fault(error)}") from error
    if row.index_digest != index.digest or row.spec != index.spec:
        raise MismatchError(
            f"{path} was measured with another index than the one beside it (the one before, if "
            "instructions were added or removed); calibrate again with: python -m robustness "
            "calibrate"
        )
    return Calibration(
        spec=row.spec, index_digest=row.index_digest, coverage=row.coverage, lines=row.lines,
        probed=row.probed, labelled=row.labelled, points=row.points, made=row.made,
        support=row.support, stopping=row.stopping,
    )
