"""Batch jobs: a folder each, with the upload, a journal and a status; resumed after a restart.

Refuses to know HTTP; one worker scores one job after another.
"""

import logging
import queue
import shutil
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path

from robustness.errors import CancelledError, InputError, NotFoundError, RobustnessError
from robustness.scoring import batch
from robustness.storage import files
from robustness.workbench import Workbench
from server.patience import Patience

SCHEMA = 1
STATUS = "status.json"
RESULT = "result.csv"
_SAVE_SECONDS = 1.0
"""Between two writes of a running job's progress; its journal has every row."""
_LOOK_SECONDS = 0.5
"""Between two looks whether a job that waits was cancelled."""

_log = logging.getLogger(__name__)


class State(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


_UNFINISHED = (State.QUEUED, State.RUNNING)


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
    """The jobs of one folder, with their worker. One process a folder."""

    def __init__(
        self, workbench: Workbench, folder: Path, *, patience: float = 1800.0, pause: float = 2.0
    ) -> None:
        """Takes up jobs that an earlier process left unfinished.

        Args:
            workbench: What scores.
            folder: Where each job has its folder.
            patience: Seconds that a job waits for an engine that is away before rows carry the
                error.
            pause: Seconds before an engine that did not answer is looked for: see `Patience`.
        """
        self._workbench = workbench
        self._folder = folder
        self._patience = patience
        self._pause = pause
        self._queue: queue.Queue[str | None] = queue.Queue()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._current: str | None = None
        self._saved = 0.0
        self._jobs = {job.id: job for job in self._found()}
        for job in sorted(self._jobs.values(), key=lambda j: j.created):
            if job.state in _UNFINISHED:
                self._queue.put(job.id)
        self._worker = threading.Thread(target=self._work, name="steadfast-jobs", daemon=True)
        self._worker.start()

    def submit(self, name: str, content: bytes) -> Job:
        """Checks an upload, keeps it and queues it.

        Args:
            name: Its file name; the ending tells the format.
            content: Its bytes.

        Raises:
            InputError: The file is refused as a whole; see `batch.read_table`.
        """
        name = Path(name).name or "upload.csv"
        table = batch.read_table(content, name)
        planned = batch.plan(table, self._workbench)
        job = Job(
            id=uuid.uuid4().hex[:16],
            name=name,
            state=State.QUEUED,
            rows=planned.rows,
            done=0,
            calls=planned.calls,
            bad_rows=planned.bad_rows,
            created=datetime.now(UTC).isoformat(timespec="microseconds"),
        )
        with files.atomic_path(self._upload(job)) as temporary:
            temporary.write_bytes(content)
        with self._lock:
            self._save(job)
        self._queue.put(job.id)
        return job

    def get(self, job_id: str) -> Job:
        """One job.

        Raises:
            NotFoundError: There is none of that id.
        """
        job = self._jobs.get(job_id)
        if job is None:
            raise NotFoundError(f"there is no job {job_id!r}")
        return job

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
        """Stops a job that is queued or running; one that has ended stays as it is.

        Raises:
            NotFoundError: There is no such job.
        """
        return self._move(job_id, state=State.CANCELLED) or self.get(job_id)

    def remove(self, job_id: str) -> Job:
        """Forgets a job that has ended, with its files; gives what it was.

        Raises:
            NotFoundError: There is no such job.
            InputError: It has not ended.
        """
        with self._lock:
            job = self.get(job_id)
            if job.state in _UNFINISHED:
                raise InputError(f"the job {job_id} is {job.state}; cancel it first")
            del self._jobs[job_id]
            # The worker may still be on the row at which it was cancelled: then it clears up.
            if job_id != self._current:
                shutil.rmtree(self._folder / job_id)
        return job

    def close(self) -> None:
        """Stops the worker; an unfinished job goes on at the next start."""
        self._closing.set()
        self._queue.put(None)
        self._worker.join(timeout=30)

    def _found(self) -> list[Job]:
        """The jobs on the disk; one that cannot be read costs no other."""
        jobs = []
        for path in self._folder.glob(f"*/{STATUS}"):
            try:
                row = files.read_json(path, schema=SCHEMA)
                rest = {k: v for k, v in row.items() if k not in ("schema", "state")}
                jobs.append(Job(**rest, state=State(row["state"])))
            except (RobustnessError, TypeError, ValueError, KeyError) as error:
                _log.warning("the job at %s is left out: %s", path.parent, error)
        return jobs

    def _upload(self, job: Job) -> Path:
        return self._folder / job.id / f"upload{Path(job.name).suffix.lower()}"

    def _save(self, job: Job) -> None:
        """Keeps a job; the lock is held."""
        self._jobs[job.id] = job
        self._saved = time.monotonic()
        files.write_json(
            self._folder / job.id / STATUS, files.plain(job) | {"schema": SCHEMA}
        )

    def _move(
        self, job_id: str, *, state: State, done: int | None = None, error: str | None = None
    ) -> Job | None:
        """Changes an unfinished job; None where it has ended, which is final."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None or job.state not in _UNFINISHED:
                return None
            job = replace(
                job, state=state, done=job.done if done is None else done, error=error
            )
            self._save(job)
            return job

    def _work(self) -> None:
        while (job_id := self._queue.get()) is not None and not self._closing.is_set():
            with self._lock:
                self._current = job_id
            job = self._move(job_id, state=State.RUNNING)
            if job is not None:
                self._attempt(job)
            with self._lock:
                self._current = None
                if job_id not in self._jobs:
                    shutil.rmtree(self._folder / job_id, ignore_errors=True)

    def _attempt(self, job: Job) -> None:
        try:
            self._score(job)
            self._move(job.id, state=State.DONE, done=job.rows)
        except CancelledError:
            # Cancelling wrote the state; closing leaves it running, for the next start.
            return
        except RobustnessError as error:
            self._move(job.id, state=State.FAILED, error=str(error))
        except Exception as error:
            # One job must not end the worker.
            _log.exception("the job %s failed", job.id)
            self._move(job.id, state=State.FAILED, error=f"{type(error).__name__}: {error}")

    def _score(self, job: Job) -> None:
        batch.score_file(
            self._upload(job),
            self._folder / job.id / RESULT,
            self._workbench,
            resume=True,
            on_progress=self._progress(job.id),
            should_stop=lambda: self._stopped(job.id),
            ask=Patience(
                # The smallest question that reaches an engine behind another server.
                lambda: self._workbench.engine.count_tokens(self._workbench.original, ["ready"]),
                seconds=self._patience, pause=self._pause, rest=partial(self._rest, job.id),
            ).ask,
        )

    def _rest(self, job_id: str, seconds: float, why: str) -> None:
        """Waits for the engine; the job says meanwhile what it waits for."""
        if self._move(job_id, state=State.RUNNING, error=f"waiting: {why}") is not None:
            _log.warning("the job %s waits for the engine: %s", job_id, why)
        limit = time.monotonic() + seconds
        while not self._stopped(job_id) and time.monotonic() < limit:
            self._closing.wait(min(_LOOK_SECONDS, seconds))
        if self._stopped(job_id):
            raise CancelledError("stopped while the engine was away")

    def _stopped(self, job_id: str) -> bool:
        return self._closing.is_set() or not self._is_running(job_id)

    def _is_running(self, job_id: str) -> bool:
        job = self._jobs.get(job_id)
        return job is not None and job.state is State.RUNNING

    def _progress(self, job_id: str) -> Callable[[int, int], None]:
        def report(done: int, total: int) -> None:
            with self._lock:
                job = self._jobs.get(job_id)
                if job is None or job.state is not State.RUNNING:
                    return
                self._jobs[job_id] = replace(job, done=done, error=None)
                if time.monotonic() - self._saved > _SAVE_SECONDS:
                    self._save(self._jobs[job_id])

        return report
