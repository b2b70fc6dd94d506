"""The states of batch jobs, in memory and on the disk, and when a job that has ended expires.

Does not score; see `jobs.py`.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from robustness.errors import InputError, NotFoundError, StorageError
from server.job_files import ENDED, UNFINISHED, Job, JobFiles, State

_SAVE_SECONDS = 1.0
"""Seconds between two writes of a running job's progress; its journal has every row."""
_EXPIRE_SECONDS = 60.0
"""Seconds between two looks for jobs that have expired."""

_log = logging.getLogger(__name__)


def now() -> str:
    """The time, as jobs carry it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


class JobStates:
    """The jobs of one folder with their states. Safe to share among threads."""

    def __init__(self, kept: JobFiles, *, keep_days: float | None = None) -> None:
        """Reads the jobs of an earlier process.

        Args:
            kept: The files.
            keep_days: Days after which a job that has ended is deleted with its files; None: never.
        """
        self._files = kept
        self._keep = None if keep_days is None else timedelta(days=keep_days)
        self._lock = threading.Lock()
        self._current: set[str] = set()
        """Jobs whose files a worker uses."""
        self._saved = 0.0
        self._looked = -_EXPIRE_SECONDS
        self._unsaved: dict[str, str] = {}
        """Id of a job whose state could not be written to the disk -> why."""
        self._jobs = {job.id: job for job in kept.found()}

    def all(self) -> list[Job]:
        """Every job, the oldest first."""
        return sorted(list(self._jobs.values()), key=lambda job: job.created)

    def get(self, job_id: str, owner: str = "") -> Job:
        """The job of an id.

        Raises:
            NotFoundError: There is none, or it is somebody else's.
        """
        job = self._jobs.get(job_id)
        if job is None or not job.belongs_to(owner):
            raise NotFoundError(f"there is no job {job_id!r}")
        return job

    def is_running(self, job_id: str) -> bool:
        """Whether a job is there and runs."""
        job = self._jobs.get(job_id)
        return job is not None and job.state is State.RUNNING

    def counts(self) -> dict[State, int]:
        """Number of jobs in each state."""
        found = Counter(job.state for job in list(self._jobs.values()))
        return {state: found[state] for state in State}

    @property
    def problem(self) -> str | None:
        """Why the jobs' files cannot be written; None where they can."""
        with self._lock:
            return next(iter(self._unsaved.values()), None)

    def add(self, job: Job, content: bytes) -> None:
        """Stores a new job with its upload.

        Raises:
            StorageError: The disk is full or not writable.
        """
        try:
            self._files.write_upload(job, content)
            with self._lock:
                self._files.write(job)
                self._jobs[job.id] = job
        except OSError as error:
            _log.error("the upload %s cannot be kept: %s", job.name, error)
            self._files.delete(job.id)
            raise StorageError(
                f"the server cannot keep the upload ({error.strerror}); send it again later"
            ) from error

    def move(
        self, job_id: str, *, state: State, done: int | None = None, error: str | None = None
    ) -> Job | None:
        """Changes the state of an unfinished job; None where it has ended, which is final."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None or job.state not in UNFINISHED:
                return None
            job = replace(
                job, state=state, done=job.done if done is None else done, error=error,
                ended=None if state in UNFINISHED else now(),
            )
            self._save(job)
            return job

    def again(self, job_id: str, owner: str) -> Job:
        """Makes a job that failed or was cancelled a queued one.

        Raises:
            NotFoundError: There is no such job, or its upload was deleted.
            InputError: The job has not ended, or is done.
        """
        with self._lock:
            job = self.get(job_id, owner)
            if job.state not in ENDED:
                raise InputError(
                    f"the job {job_id} is {job.state}; one that failed or was cancelled is retried"
                )
            if not self._files.upload(job).is_file():
                raise NotFoundError(
                    f"the upload of the job {job_id} is no longer on the disk; submit it again"
                )
            job = replace(job, state=State.QUEUED, error=None, ended=None)
            self._save(job)
            return job

    def remove(self, job_id: str, owner: str) -> Job:
        """Deletes a job that has ended, with its files, and returns it.

        Raises:
            NotFoundError: There is no such job.
            InputError: The job has not ended.
        """
        with self._lock:
            job = self.get(job_id, owner)
            if job.state in UNFINISHED:
                raise InputError(f"the job {job_id} is {job.state}; cancel it first")
            self._drop(job)
        return job

    def expire(self) -> bool:
        """Deletes the jobs that ended long enough ago, at most once a minute; whether there were.

        A job that ended before a version that keeps the time of its end counts from its start.
        """
        with self._lock:
            if self._keep is None or time.monotonic() - self._looked < _EXPIRE_SECONDS:
                return False
            self._looked = time.monotonic()
            last = (datetime.now(UTC) - self._keep).isoformat(timespec="microseconds")
            gone = [
                job for job in self._jobs.values()
                if job.state not in UNFINISHED and (job.ended or job.created) < last
            ]
            for job in gone:
                self._drop(job)
        if gone:
            _log.info("%d jobs expired and were deleted", len(gone))
        return bool(gone)

    def begin(self, job_id: str) -> Job | None:
        """Makes a queued job a running one, whose files are in use; None if it has ended."""
        with self._lock:
            self._current.add(job_id)
        return self.move(job_id, state=State.RUNNING)

    def finish(self, job_id: str) -> None:
        """Says that a worker uses a job's files no longer."""
        with self._lock:
            self._current.discard(job_id)
            if job_id not in self._jobs:
                self._files.delete(job_id)

    def progress(self, job_id: str) -> Callable[[int, int], None]:
        """A function that is told the number of done rows, and of all."""

        def report(done: int, total: int) -> None:
            with self._lock:
                job = self._jobs.get(job_id)
                if job is None or job.state is not State.RUNNING:
                    return
                self._jobs[job_id] = replace(job, done=done, error=None)
                if time.monotonic() - self._saved > _SAVE_SECONDS:
                    self._save(self._jobs[job_id])

        return report

    def save_again(self) -> None:
        """Writes the states that could not be written before."""
        with self._lock:
            for job_id in list(self._unsaved):
                job = self._jobs.get(job_id)
                if job is None:
                    del self._unsaved[job_id]
                else:
                    self._save(job)

    def _drop(self, job: Job) -> None:
        del self._jobs[job.id]
        # The worker may still score the row at which the job was cancelled; `finish` then deletes
        # the files.
        if job.id not in self._current:
            self._files.delete(job.id)

    def _save(self, job: Job) -> None:
        """Writes a job's state, now or, if the disk is full, later; the caller holds the lock."""
        self._jobs[job.id] = job
        self._saved = time.monotonic()
        try:
            self._files.write(job)
        except OSError as error:
            if job.id not in self._unsaved:
                _log.error("the state of the job %s is not on the disk: %s", job.id, error)
            self._unsaved[job.id] = f"the jobs' folder cannot be written ({error.strerror})"
        else:
            self._unsaved.pop(job.id, None)
