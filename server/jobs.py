"""Batch jobs: queues uploaded tables and scores them, small ones beside the large ones.

Each of the two lanes has a worker thread, which scores one job after another. Each job has a folder
with the upload, a journal of the scored rows and a status, from which it is resumed after a
restart. Does not handle HTTP; see `routes/jobs.py`.
"""

import logging
import queue
import threading
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robustness.errors import (
    CancelledError,
    EngineError,
    InputError,
    NotFoundError,
    RobustnessError,
)
from robustness.storage.folder_lock import FolderLock
from robustness.storage.limits import Limits
from robustness.urgency import Urgency, urgent
from server import errors, job_lock, job_rows, library
from server.errors import BusyError
from server.job_files import ID_LENGTH, UNFINISHED, Job, JobFiles, State
from server.job_states import JobStates, now
from server.logs import Thinned
from server.patience import Patience
from server.settings import LIMITS, Settings
from server.uploads import Uploads

if TYPE_CHECKING:
    from robustness.scoring.batch import Plan
    from robustness.storage.tables import Table
    from robustness.workbench import Workbench

_LOOK_SECONDS = 0.5
"""Seconds between two checks whether a waiting job was cancelled or a full disk has space."""
_LONGEST_PAUSE = 15.0
_CLOSE_SECONDS = 10.0
"""Seconds that the row being scored has to end when the server is stopped."""

_LANES = ("small", "large")
_JOBS_FULL_SECONDS = 60.0
"""Seconds after which a client may try again to submit a job that there was no room for."""

_log = logging.getLogger(__name__)


class Jobs:
    """The jobs of one folder with their workers; a lock keeps a second process from the folder."""

    def __init__(
        self, workbench: "Workbench", folder: Path, *, patience: float = 1800.0,
        pause: float = 2.0, limits: Limits = LIMITS, small: int = 2000, unfinished: int = 100,
        of_one: int = 20, keep_days: float | None = None, held: FolderLock | None = None,
    ) -> None:
        """Starts the workers, which resume the jobs that an earlier process left unfinished.

        Args:
            workbench: Scores the rows.
            folder: The folder with a subfolder for each job.
            patience: Seconds that a job waits for an engine that does not answer; then its rows
                get the error.
            pause: Seconds before the engine is asked again: see `Patience`.
            limits: The largest table that is accepted.
            small: Prompts up to which a job is small.
            unfinished: Most jobs that are queued or running.
            of_one: Most jobs of one owner.
            keep_days: See `JobStates`.
            held: The lock of the folder, where the caller took it before it loaded the model.

        Raises:
            InputError: See `job_lock.take`.
        """
        self._held = held or job_lock.take(folder)
        self._workbench = workbench
        self._limits = limits
        self._uploads = Uploads(limits)
        self._files = JobFiles(folder)
        self._states = JobStates(self._files, keep_days=keep_days)
        self._patience = patience
        self._pause = pause
        self._small = small
        self._most_unfinished = unfinished
        self._most_of_one = of_one
        self._lanes: dict[str, queue.Queue[str | None]] = {n: queue.Queue() for n in _LANES}
        self._closing = threading.Event()
        self._told = Thinned(_log)
        self.refused = 0
        """Number of jobs that there was no room for."""
        self._states.expire()
        for job in self._states.all():
            if job.state in UNFINISHED:
                self._lane(job).put(job.id)
        self._workers = [
            threading.Thread(
                target=self._work, args=(lane,), name=f"steadfast-{name}-jobs", daemon=True
            )
            for name, lane in self._lanes.items()
        ]
        for worker in self._workers:
            worker.start()

    def plan(
        self, name: str, content: bytes, should_stop: Callable[[], bool] = lambda: False
    ) -> "Plan":
        """What scoring a table takes; a submission of the same file does not parse it again.

        Raises: As `batch.read_table` and `batch.plan`.
        """
        table = self._uploads.table(name, content, should_stop)
        return library.batch.plan(
            table, self._workbench, limits=self._limits, should_stop=should_stop
        )

    def submit(
        self, name: str, content: bytes, should_stop: Callable[[], bool] = lambda: False, *,
        owner: str = "", charge: "Callable[[Plan], None] | None" = None,
    ) -> Job:
        """Checks an uploaded table, stores it and queues it as a job.

        Args:
            name: The file's name, whose ending gives the format.
            content: The file's bytes.
            should_stop: True ends the check; see `batch.plan`.
            owner: Who makes the job: see `Client`.
            charge: Called with what the job takes; refuses it by an exception.

        Raises:
            InputError: The file as a whole cannot be scored; see `batch.read_table`.
            StorageError: The disk is full or not writable.
            BusyError: Too many jobs are unfinished, or the owner has too many.
        """
        self._check_room(owner)
        # The name goes into files and replies, whose encoding has no lone surrogates.
        name = Path(name).name.encode(errors="replace").decode() or "upload.csv"
        planned = self.plan(name, content, should_stop)
        if charge is not None:
            charge(planned)
        job = Job(
            id=uuid.uuid4().hex[:ID_LENGTH],
            name=name,
            state=State.QUEUED,
            rows=planned.rows,
            done=0,
            calls=planned.calls,
            bad_rows=planned.bad_rows,
            created=now(),
            renamed=dict(planned.renamed),
            owner=owner,
        )
        self._states.add(job, content)
        self._lane(job).put(job.id)
        return job

    def listed(self, owner: str = "") -> list[Job]:
        """The jobs of an owner, the newest first."""
        return [job for job in reversed(self._states.all()) if job.belongs_to(owner)]

    def get(self, job_id: str, owner: str = "") -> Job:
        """The job of an id; raises as `JobStates.get`."""
        return self._states.get(job_id, owner)

    def result(self, job_id: str, owner: str = "") -> Path:
        """The file with the scored table, CSV.

        Raises:
            NotFoundError: There is no such job, or its result was deleted.
            InputError: The job is not done.
        """
        job = self.get(job_id, owner)
        if job.state is not State.DONE:
            why = f": {job.error}" if job.error else f", {job.done} of {job.rows} rows"
            raise InputError(f"the job {job_id} is {job.state}{why}")
        path = self._files.result(job_id)
        if not path.is_file():
            raise NotFoundError(
                f"the result of the job {job_id} is no longer on the disk; submit the table again"
            )
        return path

    def table(
        self, name: str, content: bytes, should_stop: Callable[[], bool] = lambda: False
    ) -> "Table":
        """The parsed table of an upload: see `Uploads.table`."""
        return self._uploads.table(name, content, should_stop)

    def table_of(self, job_id: str, owner: str = "") -> "Table":
        """The table of a job.

        Raises:
            NotFoundError: There is no such job, or its upload was deleted.
        """
        job = self.get(job_id, owner)
        try:
            content = self._files.upload(job).read_bytes()
        except OSError as error:
            raise NotFoundError(f"the files of the job {job_id} are no longer there") from error
        return self._uploads.table(job.name, content)

    def rows(self, job_id: str, owner: str = "") -> list[dict[str, Any]]:
        """The finished rows of a job, while it runs and afterwards: see `job_rows.rows`.

        Raises:
            NotFoundError: There is no such job, or its upload was deleted.
        """
        table = self.table_of(job_id, owner)
        try:
            return job_rows.rows(self._files.result(job_id), table)
        except OSError as error:
            raise NotFoundError(f"the files of the job {job_id} are no longer there") from error

    def cancel(self, job_id: str, owner: str = "") -> Job:
        """Cancels a job that is queued or running; one that has ended stays as it is.

        Raises:
            NotFoundError: There is no such job.
        """
        self.get(job_id, owner)
        return self._states.move(job_id, state=State.CANCELLED) or self.get(job_id, owner)

    def retry(self, job_id: str, owner: str = "") -> Job:
        """Queues a job again that failed or was cancelled; rows that are done are not scored again.

        Raises: As `JobStates.again`.
        """
        job = self._states.again(job_id, owner)
        self._lane(job).put(job_id)
        return job

    def remove(self, job_id: str, owner: str = "") -> Job:
        """Deletes a job that has ended, with its files, and returns it.

        Raises: As `JobStates.remove`.
        """
        job = self._states.remove(job_id, owner)
        self._uploads.forget()
        return job

    @property
    def problem(self) -> str | None:
        """Why the jobs' files cannot be written; None where they can."""
        return self._states.problem

    @property
    def working(self) -> bool:
        """Whether both workers run."""
        return all(worker.is_alive() for worker in self._workers)

    def counts(self) -> dict[State, int]:
        """Number of jobs in each state."""
        return self._states.counts()

    def check(self) -> None:
        """Checks that the workers run.

        Raises:
            EngineError: One has ended.
        """
        if not self.working:
            raise EngineError("the worker of the batch jobs has ended; restart the server")

    def close(self) -> None:
        """Stops the workers; an unfinished job is resumed at the next start."""
        self._closing.set()
        for lane in self._lanes.values():
            lane.put(None)
        limit = time.monotonic() + _CLOSE_SECONDS
        for worker in self._workers:
            worker.join(timeout=max(0.0, limit - time.monotonic()))
        self._states.save_again()
        self._held.close()

    def _lane(self, job: Job) -> "queue.Queue[str | None]":
        return self._lanes["small" if job.calls <= self._small else "large"]

    def _check_room(self, owner: str) -> None:
        held = len(self.listed(owner)) if owner else 0
        unfinished = sum(job.state in UNFINISHED for job in self._states.all())
        if held >= self._most_of_one:
            why = f"you have {held} jobs, the most that the server keeps for a client; delete one"
        elif unfinished >= self._most_unfinished:
            why = f"the server has {unfinished} unfinished jobs, the most that it takes; try later"
        else:
            return
        self.refused += 1
        self._told.warning("jobs", f"{owner or 'a client'}: {why}")
        raise BusyError(why, code="jobs_full", seconds=_JOBS_FULL_SECONDS)

    def _work(self, lane: "queue.Queue[str | None]") -> None:
        with urgent(Urgency.BATCH):
            self._work_off(lane)

    def _work_off(self, lane: "queue.Queue[str | None]") -> None:
        while not self._closing.is_set():
            if self._states.expire():
                self._uploads.forget()
            try:
                job_id = lane.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                self._states.save_again()
                continue
            if job_id is None:
                return
            job = self._states.begin(job_id)
            if job is not None:
                self._attempt(job)
            self._states.finish(job_id)

    def _attempt(self, job: Job) -> None:
        """Scores a job and stores how it ended; no exception of it ends the worker."""
        try:
            self._score_on_a_full_disk(job)
            self._states.move(job.id, state=State.DONE, done=job.rows)
        except CancelledError:
            # A cancelled job's state is written already; a job stopped by `close` stays "running".
            return
        except RobustnessError as error:
            _log.error("the job %s failed: %s", job.id, error)
            self._fail(job.id, errors.shown(error))
        except OSError as error:
            _log.exception("the job %s failed", job.id)
            self._fail(job.id, f"{type(error).__name__}: {error.strerror or error}")
        except Exception as error:
            _log.exception("the job %s failed", job.id)
            self._fail(job.id, errors.unforeseen_failure(error))

    def _fail(self, job_id: str, why: str) -> None:
        # While the server stops, the engine may be closed during a row: the next start resumes it.
        if not self._closing.is_set():
            self._states.move(job_id, state=State.FAILED, error=why)

    def _score_on_a_full_disk(self, job: Job) -> None:
        """Scores a job; waits while the disk is full."""
        limit = time.monotonic() + self._patience
        pause = self._pause
        while True:
            try:
                self._score(job)
                return
            except OSError as error:
                if error.errno not in errors.DISK_FULL or time.monotonic() >= limit:
                    raise
                self._rest(job.id, pause, str(error.strerror))
                pause = min(2 * pause, _LONGEST_PAUSE)

    def _score(self, job: Job) -> None:
        upload = self._files.upload(job)
        library.batch.score_file(
            upload,
            self._files.result(job.id),
            self._workbench,
            table=self._uploads.table(
                job.name, upload.read_bytes(), lambda: self._stopped(job.id)
            ),
            resume=True,
            on_progress=self._states.progress(job.id),
            should_stop=lambda: self._stopped(job.id),
            ask=Patience(
                # The cheapest call that also reaches an engine behind another server.
                lambda: self._workbench.engine.count_tokens(self._workbench.original, ["ready"]),
                seconds=self._patience, pause=self._pause, rest=partial(self._rest, job.id),
            ).ask,
        )

    def _rest(self, job_id: str, seconds: float, why: str) -> None:
        """Waits for the engine or the disk; the job's status says meanwhile for which."""
        if self._states.move(job_id, state=State.RUNNING, error=f"waiting: {why}") is not None:
            _log.warning("the job %s waits: %s", job_id, why)
        limit = time.monotonic() + seconds
        while not self._stopped(job_id) and time.monotonic() < limit:
            self._closing.wait(min(_LOOK_SECONDS, seconds))
        if self._stopped(job_id):
            raise CancelledError("stopped while it waited")

    def _stopped(self, job_id: str) -> bool:
        return self._closing.is_set() or not self._states.is_running(job_id)


def jobs_of(
    workbench: "Workbench", settings: Settings, held: FolderLock | None = None
) -> Jobs:
    """The jobs of a server; raises as `Jobs`."""
    return Jobs(
        workbench, settings.jobs, patience=settings.patience, limits=settings.limits,
        small=settings.small_job, unfinished=settings.unfinished_jobs,
        of_one=settings.client_jobs, keep_days=settings.keep_days, held=held,
    )
