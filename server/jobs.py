"""Batch jobs: a folder each, with the upload, a journal and a status; resumed after a restart.

Refuses to know HTTP; one worker scores one job after another.
"""

import queue
import shutil
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from robustness import scoring, storage
from robustness.errors import (
    CancelledError,
    EngineError,
    InputError,
    NotFoundError,
    RobustnessError,
)
from robustness.workbench import Workbench

SCHEMA = 1
STATUS = "status.json"
RESULT = "result.csv"
_PAUSE_SECONDS = 5.0


class State(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One uploaded table and what became of it."""

    id: str
    name: str
    """The uploaded file's name."""
    state: State
    rows: int
    done: int
    calls: int
    """Prompts that the models would read in all."""
    bad_rows: int
    created: str
    error: str | None = None


class Jobs:
    """The jobs of one folder, with their worker."""

    def __init__(self, workbench: Workbench, folder: Path) -> None:
        """Takes up jobs that an earlier process left unfinished."""
        self._workbench = workbench
        self._folder = folder
        self._queue: queue.Queue[str | None] = queue.Queue()
        self._lock = threading.Lock()
        self._cancelled: set[str] = set()
        self._closing = threading.Event()
        self._jobs: dict[str, Job] = {}
        for path in sorted(folder.glob(f"*/{STATUS}")):
            job = self._read(path)
            self._jobs[job.id] = job
            if job.state in (State.QUEUED, State.RUNNING):
                self._queue.put(job.id)
        self._worker = threading.Thread(target=self._work, name="steadfast-jobs", daemon=True)
        self._worker.start()

    def submit(self, name: str, content: bytes) -> Job:
        """Checks an upload, keeps it and queues it.

        Args:
            name: Its file name; the ending tells the format.
            content: Its bytes.

        Raises:
            InputError: The file is refused as a whole; see `scoring.read_table`.
        """
        name = Path(name).name or "upload.csv"
        table = scoring.read_table(content, name)
        planned = scoring.plan(table, self._workbench)
        job = Job(
            id=uuid.uuid4().hex[:16], name=name, state=State.QUEUED, rows=planned.rows, done=0,
            calls=planned.calls, bad_rows=planned.bad_rows,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        with storage.atomic_path(self._upload(job)) as temporary:
            temporary.write_bytes(content)
        self._put(job)
        self._queue.put(job.id)
        return job

    def get(self, job_id: str) -> Job:
        """One job.

        Raises:
            NotFoundError: There is none of that id.
        """
        with self._lock:
            if job_id not in self._jobs:
                raise NotFoundError(f"there is no job {job_id!r}")
            return self._jobs[job_id]

    def result(self, job_id: str) -> Path:
        """The scored CSV.

        Raises:
            NotFoundError: There is no such job.
            InputError: It is not done.
        """
        job = self.get(job_id)
        if job.state is not State.DONE:
            why = f": {job.error}" if job.error else f", {job.done} of {job.rows} rows"
            raise InputError(f"the job {job_id} is {job.state}{why}")
        return self._folder / job_id / RESULT

    def cancel(self, job_id: str) -> Job:
        """Stops a job that is queued or running; what it scored stays in its journal.

        Raises:
            NotFoundError: There is no such job.
        """
        job = self.get(job_id)
        if job.state in (State.QUEUED, State.RUNNING):
            self._cancelled.add(job_id)
            if job.state is State.QUEUED:
                job = self._change(job_id, state=State.CANCELLED)
        return job

    def remove(self, job_id: str) -> None:
        """Forgets a job that has ended, with its files.

        Raises:
            NotFoundError: There is no such job.
            InputError: It has not ended.
        """
        job = self.get(job_id)
        if job.state in (State.QUEUED, State.RUNNING):
            raise InputError(f"the job {job_id} is {job.state}; cancel it first")
        with self._lock:
            del self._jobs[job_id]
        shutil.rmtree(self._folder / job_id)

    def close(self) -> None:
        """Stops the worker; an unfinished job goes on at the next start."""
        self._closing.set()
        self._queue.put(None)
        self._worker.join(timeout=30)

    def _upload(self, job: Job) -> Path:
        return self._folder / job.id / f"upload{Path(job.name).suffix.lower()}"

    @staticmethod
    def _read(path: Path) -> Job:
        row = storage.read_json(path, schema=SCHEMA)
        del row["schema"]
        return Job(**(row | {"state": State(row["state"])}))

    def _put(self, job: Job) -> None:
        with self._lock:
            self._jobs[job.id] = job
            document = storage.plain(job) | {"schema": SCHEMA}
            storage.write_json(self._folder / job.id / STATUS, document)

    def _change(
        self, job_id: str, *, state: State | None = None, done: int | None = None,
        error: str | None = None,
    ) -> Job:
        job = self.get(job_id)
        job = replace(
            job, state=state or job.state, done=job.done if done is None else done, error=error
        )
        self._put(job)
        return job

    def _work(self) -> None:
        while (job_id := self._queue.get()) is not None and not self._closing.is_set():
            job = self.get(job_id)
            if job.state not in (State.QUEUED, State.RUNNING):
                continue
            self._change(job_id, state=State.RUNNING)
            try:
                self._score(job)
                self._change(job_id, state=State.DONE, done=job.rows)
            except CancelledError:
                if job_id in self._cancelled:
                    self._change(job_id, state=State.CANCELLED)
            except EngineError as error:
                self._change(job_id, state=State.QUEUED, error=str(error))
                self._again(job_id)
            except RobustnessError as error:
                self._change(job_id, state=State.FAILED, error=str(error))
            except Exception as error:
                self._change(job_id, state=State.FAILED, error=f"{type(error).__name__}: {error}")

    def _again(self, job_id: str) -> None:
        """Queues a job once more when the engine may have come back."""
        def later() -> None:
            if not self._closing.wait(_PAUSE_SECONDS):
                self._queue.put(job_id)

        threading.Thread(target=later, daemon=True).start()

    def _score(self, job: Job) -> None:
        scoring.score_file(
            self._upload(job), self._folder / job.id / RESULT, self._workbench, resume=True,
            on_progress=self._progress(job.id),
            should_stop=lambda: job.id in self._cancelled or self._closing.is_set(),
        )

    def _progress(self, job_id: str) -> Callable[[int, int], None]:
        def report(done: int, total: int) -> None:
            self._change(job_id, done=done)

        return report
