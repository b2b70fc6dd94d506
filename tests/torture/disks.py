"""A disk that is full, or read-only: nothing may be lost, and all goes on when there is space."""

import errno
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from robustness.errors import InputError, RobustnessError, StorageError
from robustness.scoring import batch
from robustness.workbench import Workbench
from server.job_files import RESULT, State
from server.jobs import Jobs
from tests.torture.outcome import CRASHES, LOST, Outcome

_TABLE = b"instruction,input,options\n" + b"Good or bad?,a warm film,good|bad\n" * 60
_SECONDS = 120


@contextmanager
def _disk(megabytes: int) -> Iterator[Path | None]:
    """A small file system in memory; None where it cannot be mounted."""
    with tempfile.TemporaryDirectory() as name:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", name],
            capture_output=True, check=False,
        )
        if mounted.returncode:
            yield None
            return
        try:
            yield Path(name)
        finally:
            subprocess.run(["mount", "-o", "remount,rw", name], capture_output=True, check=False)
            subprocess.run(["umount", "-l", name], capture_output=True, check=False)


def _fill(folder: Path) -> Path:
    """Fills the disk to the last byte."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as out:
        for size in (2**16, 2**10, 1):
            try:
                while True:
                    out.write(b"x" * size)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
    return filler


def _until(done: object, seconds: float = _SECONDS) -> bool:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if done():  # type: ignore[operator]
            return True
        time.sleep(0.05)
    return False


def full(workbench: Workbench) -> Outcome:
    """Fills the disk before a job, during one and at its end, and makes space again."""
    outcome = Outcome("full disk", "before, during and at the end of a job", (CRASHES, LOST))
    with _disk(2) as folder:
        if folder is None:
            outcome.skipped = "not run: no file system could be mounted"
            return outcome
        jobs = Jobs(workbench, folder, patience=600, pause=0.1)
        try:
            wanted = jobs.submit("x.csv", _TABLE)
            _until(lambda: jobs.get(wanted.id).state is State.DONE)
            result = (folder / wanted.id / RESULT).read_bytes()
            filler = _fill(folder)
            try:
                jobs.submit("y.csv", _TABLE)
                outcome.fault("an upload was taken that cannot be kept")
            except StorageError:
                outcome.counts["uploads refused with 503"] += 1
            filler.unlink()
            for rows in (0, 5, 30):
                job = jobs.submit("x.csv", _TABLE)
                _until(lambda job=job, rows=rows: jobs.get(job.id).done >= rows)
                filler = _fill(folder)
                _until(lambda job=job: _waits(jobs, job.id), 20)
                time.sleep(0.3)
                jobs.check()
                filler.unlink()
                if not _until(lambda job=job: jobs.get(job.id).state is State.DONE):
                    outcome.fault(f"the job is {jobs.get(job.id)} after space was made", LOST)
                elif (folder / job.id / RESULT).read_bytes() != result:
                    outcome.fault("the result differs from that on a disk with space", LOST)
                else:
                    outcome.counts["jobs finished after space was made"] += 1
            if jobs.problem is not None:
                outcome.fault(f"the readiness still says {jobs.problem}")
        finally:
            jobs.close()
    return outcome


def _waits(jobs: Jobs, job_id: str) -> bool:
    job = jobs.get(job_id)
    return job.state in (State.FAILED, State.DONE) or (job.error or "").startswith("waiting")


def read_only(workbench: Workbench) -> Outcome:
    """A folder of jobs that cannot be written when the server starts, with a job in it."""
    outcome = Outcome(
        "read-only disk", "at the start, and as the place of a result", (CRASHES, LOST)
    )
    with _disk(2) as folder:
        if folder is None:
            outcome.skipped = "not run: no file system could be mounted"
            return outcome
        jobs = Jobs(workbench, folder)
        job = jobs.submit("x.csv", _TABLE)
        jobs.close()
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        try:
            Jobs(workbench, folder).close()
            outcome.fault("a server started on a folder that it cannot write")
        except InputError:
            outcome.counts["starts refused with a sentence"] += 1
        except (OSError, RobustnessError) as error:
            outcome.fault(f"the start failed with {error!r}", CRASHES)
        try:
            batch.score_file(folder / job.id / "upload.csv", folder / "out.csv", workbench)
            outcome.fault("a result was written to a read-only disk")
        except OSError as error:
            # The command line prints it as a sentence; see `robustness.cli`.
            outcome.counts["results refused with the system's reason"] += error.errno == errno.EROFS
        subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
        jobs = Jobs(workbench, folder)
        if _until(lambda: jobs.get(job.id).state is State.DONE):
            outcome.counts["jobs that went on when it could be written"] += 1
        else:
            outcome.fault("the job did not go on when it could be written again", LOST)
        jobs.close()
    return outcome
