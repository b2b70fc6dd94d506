"""When jobs expire, and what is left of them; `test_jobs.py` has the rest."""

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from robustness.errors import NotFoundError
from robustness.storage import files
from robustness.workbench import Workbench
from server import job_states
from server.job_files import STATUS, Job, JobFiles, State
from server.job_states import JobStates
from server.jobs import Jobs

TABLE = b"instruction,input,options\nGood or bad?,The soup was cold.,good|bad\n"


def ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="microseconds")


def made(number: int, state: State, *, created: float, ended: float | None = None) -> Job:
    return Job(
        id=f"{number:016x}", name="mine.csv", state=state, rows=1, done=0, calls=1, bad_rows=0,
        created=ago(created), ended=None if ended is None else ago(ended),
    )


def test_jobs_that_ended_long_ago_are_deleted_with_their_files(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = JobFiles(tmp_path)
    gone = [
        made(1, State.DONE, created=9, ended=8), made(2, State.FAILED, created=8, ended=7.1),
        made(3, State.CANCELLED, created=8, ended=7.1),
        made(4, State.DONE, created=8),  # of a version that did not keep the time of the end
    ]
    stay = [
        made(5, State.DONE, created=9, ended=6.9), made(6, State.DONE, created=6.9),
        made(7, State.QUEUED, created=99), made(8, State.RUNNING, created=99),
    ]
    for job in (*gone, *stay):
        kept.write_upload(job, TABLE)
        kept.write(job)
    caplog.set_level(logging.INFO, logger="server")
    assert not JobStates(kept).expire()
    states = JobStates(kept, keep_days=7)
    assert states.expire()
    assert "4 jobs expired" in caplog.text
    assert {job.id for job in states.all()} == {job.id for job in stay}
    assert {path.name for path in tmp_path.iterdir()} == {job.id for job in stay}
    with pytest.raises(NotFoundError):
        states.get(gone[0].id)
    assert not states.expire()


def test_a_job_that_expires_while_its_worker_is_on_its_last_row_leaves_nothing(
    tmp_path: Path,
) -> None:
    kept = JobFiles(tmp_path)
    states = JobStates(kept, keep_days=1e-9)
    states.add(made(1, State.QUEUED, created=0), TABLE)
    (job,) = states.all()
    assert states.begin(job.id) is not None
    assert states.move(job.id, state=State.CANCELLED) is not None
    assert states.expire()
    assert (tmp_path / job.id).is_dir()
    states.finish(job.id)
    assert list(tmp_path.iterdir()) == []


def test_a_running_server_deletes_what_expires(
    workbench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until
) -> None:
    monkeypatch.setattr(job_states, "_EXPIRE_SECONDS", 0.0)
    jobs = Jobs(workbench, tmp_path, keep_days=0.5 / 86400)
    job = jobs.submit("mine.csv", TABLE)
    until(lambda: not jobs.listed())
    until(lambda: not (tmp_path / job.id).exists())
    jobs.close()


def test_a_retried_job_ends_anew(tmp_path: Path) -> None:
    kept = JobFiles(tmp_path)
    job = made(1, State.FAILED, created=9, ended=8)
    kept.write_upload(job, TABLE)
    kept.write(job)
    states = JobStates(kept, keep_days=7)
    assert states.again(job.id, "").ended is None
    assert not states.expire()
    states.move(job.id, state=State.DONE)
    assert str(files.read_json(tmp_path / job.id / STATUS)["ended"]) > ago(1)


def test_an_upload_of_which_no_job_was_made_is_deleted_at_the_next_start(tmp_path: Path) -> None:
    kept = JobFiles(tmp_path)
    job = made(1, State.DONE, created=1, ended=1)
    kept.write_upload(job, TABLE)
    kept.write(job)
    kept.write_upload(made(2, State.QUEUED, created=1), TABLE)
    for name in (".upload.csv.x.tmp", "upload.csv", ".status.json.x.tmp"):
        (tmp_path / f"{3:016x}").mkdir(exist_ok=True)
        (tmp_path / f"{3:016x}" / name).write_bytes(TABLE)
    for other in ("notes", "abc", f"{4:016x}"):
        (tmp_path / other).mkdir()
        (tmp_path / other / "mine.txt").write_text("of somebody else")
    assert [found.id for found in JobFiles(tmp_path).found()] == [job.id]
    assert {path.name for path in tmp_path.iterdir()} == {job.id, "notes", "abc", f"{4:016x}"}
