"""The files of batch jobs: a folder for each, with the upload, a status and the result.

Does not score or queue; see `jobs.py`.
"""

import logging
import shutil
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter
from pydantic.json_schema import SkipJsonSchema

from robustness.errors import InputError, RobustnessError
from robustness.storage import files

SCHEMA = 1
STATUS = "status.json"
RESULT = "result.csv"
ID_LENGTH = 16
"""Digits of a job's id, which is hexadecimal and the name of its folder."""
_UPLOAD = "upload"
_BEFORE = (_UPLOAD, f".{_UPLOAD}", f".{STATUS}")
"""How the files begin that are there before a job's first status is."""

_log = logging.getLogger(__name__)


class State(StrEnum):
    """The state of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNFINISHED = (State.QUEUED, State.RUNNING)
ENDED = (State.FAILED, State.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """An uploaded table with the state of its scoring."""

    id: str
    name: str
    """Name of the uploaded file."""
    state: State
    rows: int
    done: int
    calls: int
    """Number of prompts that the models read for the whole table."""
    bad_rows: int
    created: str
    error: str | None = None
    ended: str | None = None
    """When the job was done, failed or cancelled."""
    renamed: dict[str, str] = field(default_factory=dict)
    """Columns of the table whose names we use -> their names in the result."""
    owner: Annotated[SkipJsonSchema[str], Field(exclude=True)] = ""
    """Who made the job (`Client.owner`); replies do not say it."""

    def belongs_to(self, owner: str) -> bool:
        """Whether a client may see the job; on a server for this machine alone, every one may."""
        return owner in ("", self.owner)


_JOB = TypeAdapter(Job)


class JobFiles:
    """The files of the jobs of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def found(self) -> list[Job]:
        """The jobs on the disk; a job that cannot be read is logged and left out.

        Deletes the uploads of which no job was made because the process ended.
        """
        for path in self._folder.glob(f"{'[0-9a-f]' * ID_LENGTH}/"):
            if all(found.name.startswith(_BEFORE) for found in path.iterdir()):
                self.delete(path.name)
        jobs = []
        for path in self._folder.glob(f"*/{STATUS}"):
            try:
                job = _JOB.validate_python(files.read_json(path, schema=SCHEMA))
                # The id gives the folder that is written to, so it must be this one.
                if job.id != path.parent.name:
                    raise InputError(f"it says that it is the job {job.id!r}")
                jobs.append(job)
            except (RobustnessError, OSError, ValueError) as error:
                _log.warning("the job at %s is left out: %s", path.parent, error)
        return jobs

    def upload(self, job: Job) -> Path:
        """The uploaded table."""
        return self._folder / job.id / f"{_UPLOAD}{Path(job.name).suffix.lower()}"

    def write_upload(self, job: Job, content: bytes) -> None:
        """Writes the uploaded table.

        Raises:
            OSError: The disk is full or not writable.
        """
        with files.atomic_path(self.upload(job)) as temporary:
            temporary.write_bytes(content)

    def delete(self, job_id: str) -> None:
        """Removes a job's folder, which may be gone already."""
        folder = self._folder / job_id
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            _log.warning("the folder %s cannot be removed", folder)

    def result(self, job_id: str) -> Path:
        """The scored table, which may not be there."""
        return self._folder / job_id / RESULT

    def write(self, job: Job) -> None:
        """Writes a job's state.

        Raises:
            OSError: The disk is full or not writable.
        """
        files.write_json(
            self._folder / job.id / STATUS, files.plain(job) | {"schema": SCHEMA}
        )
