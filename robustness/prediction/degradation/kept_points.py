"""Keeps what a calibration measured, so that an interrupted one goes on where it stopped."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from robustness.data.foreign import Foreign
from robustness.index.observed_index import ObservedIndex
from robustness.prediction.degradation.predictor import Point
from robustness.prediction.degradation.saved_calibration import SCHEMA
from robustness.prediction.degradation.support_fitting import ForeignPoint
from robustness.storage.result_cache import Journal
from robustness.types import Example, Instruction

FILE = "calibration-measured.jsonl"
"""Beside the index; removed once the calibration is saved."""
_UNOBSERVED, _FOREIGN = "unobserved", "foreign"


class _Row(BaseModel):
    """A point as it is kept, and what a foreign text has besides."""

    # A relative distance may be undefined; JSON itself has no word for it.
    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="constants")

    point: Point
    text: Foreign | None = None
    right: list[bool] = []
    usual: list[float] = []


class KeptPoints:
    """The measured points of an index's calibration, on disk."""

    def __init__(self, folder: Path | None, index: ObservedIndex) -> None:
        """Reads what an interrupted calibration left.

        Args:
            folder: Folder of the index; None: nothing is kept.
            index: The index. Points that were measured with another one are not used.
        """
        self._path = None if folder is None else folder / FILE
        self._index = index.digest
        self._journal = Journal(self._path, resume=True)

    def point(self, instruction: Instruction, inputs: Sequence[Example]) -> Point | None:
        """The kept point of an instruction on its task's inputs; None where there is none."""
        row = self._read(_UNOBSERVED, instruction, inputs)
        return None if row is None else row.point

    def keep(
        self, instruction: Instruction, inputs: Sequence[Example], point: Point
    ) -> None:
        """Keeps the point of an instruction."""
        self._keep(_UNOBSERVED, instruction, inputs, _Row(point=point))

    def foreign(
        self, instruction: Instruction, inputs: Sequence[Example]
    ) -> ForeignPoint | None:
        """The kept point of a foreign text, as `point`."""
        row = self._read(_FOREIGN, instruction, inputs)
        if row is None or row.text is None:
            return None
        return ForeignPoint(
            text=row.text, point=row.point, right=np.array(row.right, dtype=bool),
            usual=np.array(row.usual, dtype=np.float64),
        )

    def keep_foreign(
        self, instruction: Instruction, inputs: Sequence[Example], point: ForeignPoint
    ) -> None:
        """Keeps the point of a foreign text."""
        row = _Row(
            point=point.point, text=point.text, right=point.right.tolist(),
            usual=point.usual.tolist(),
        )
        self._keep(_FOREIGN, instruction, inputs, row)

    def remove(self) -> None:
        """Deletes the file."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _key(self, what: str, instruction: Instruction, inputs: Sequence[Example]) -> str:
        told = [
            SCHEMA, self._index, what, instruction.id, instruction.source,
            [e.id for e in inputs],
        ]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    def _keep(
        self, what: str, instruction: Instruction, inputs: Sequence[Example], row: _Row
    ) -> None:
        self._journal.keep(self._key(what, instruction, inputs), row.model_dump_json())

    def _read(
        self, what: str, instruction: Instruction, inputs: Sequence[Example]
    ) -> _Row | None:
        text = self._journal.get(self._key(what, instruction, inputs))
        try:
            return None if text is None else _Row.model_validate_json(text)
        except ValidationError:
            # Measured again.
            return None
