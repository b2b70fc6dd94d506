import csv
import errno
import io
import os
import re
import shutil
import threading
import time

import httpx
import pytest
from fastapi.testclient import TestClient

from robustness.errors import CancelledError, EngineError, InputError, NotFoundError, StorageError
from robustness.scoring import batch
from robustness.storage import files
from robustness.workbench import Workbench
from server import library
from server.application import create_app
from server.errors import BusyError
from server.job_files import RESULT, STATUS, State
from server.jobs import Jobs
from server.settings import Settings

TABLE = (
    "id,instruction,task,input,options,answer\n"
    "a,Which topic?,scene_topic,They cooked rice.,,food\n"
    "b,,scene_topic,They cooked rice.,,\n"
    "c,Good or bad?,,The soup was cold.,good|bad,bad\n"
)


@pytest.fixture
def jobs(workbench: Workbench, tmp_path):
    made = Jobs(workbench, tmp_path, pause=0.05)
    yield made
    made.close()


class Held:
    """Scoring that waits after each row, in place of the real one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go = threading.Semaphore(0)
        self.reached = threading.Semaphore(0)
        self._score = batch.score
        monkeypatch.setattr(batch, "score", self.score)

    def score(self, table, workbench, *, on_progress, **rest):
        def held(done: int, total: int) -> None:
            on_progress(done, total)
            self.reached.release()
            assert self.go.acquire(timeout=30)

        return self._score(table, workbench, on_progress=held, **rest)


def ended(jobs: Jobs, job_id: str):
    return lambda: jobs.get(job_id).state in (State.DONE, State.FAILED, State.CANCELLED)


def test_a_job_over_http_is_scored_and_a_bad_row_keeps_its_place(http, until) -> None:
    reply = http.post("/robustness/v1/jobs", files={"file": ("mine.csv", TABLE)})
    assert reply.status_code == 202
    job = reply.json()
    assert (job["name"], job["rows"], job["bad_rows"]) == ("mine.csv", 3, 1)
    assert job["calls"] > 0
    path = f"/robustness/v1/jobs/{job['id']}"
    until(lambda: http.get(path).json()["state"] == "done")
    result = http.get(f"{path}/result")
    assert result.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(result.text)))
    assert [r["id"] for r in rows] == ["a", "b", "c"]
    assert [r["status"] for r in rows] == ["ok", "error", "ok"]
    assert "empty" in rows[1]["error"]
    assert list(rows[0])[6:] == list(batch.COLUMNS)
    assert http.delete(path).json()["state"] == "done"
    assert http.delete(path, params={"remove": True}).json()["state"] == "done"
    assert http.get(path).status_code == 404


def test_a_downloaded_cell_is_no_formula_and_an_unknown_task_is_its_rows_error(
    http, until
) -> None:
    table = "instruction,task,note\nName the room.,place,=1+1\nx,nowhere,\n"
    job = http.post("/robustness/v1/jobs", files={"file": ("rows.csv", table)}).json()
    path = f"/robustness/v1/jobs/{job['id']}"
    until(lambda: http.get(path).json()["state"] == "done")
    rows = list(csv.DictReader(io.StringIO(http.get(f"{path}/result").text)))
    assert [r["status"] for r in rows] == ["ok", "error"]
    assert rows[0]["note"] == "'=1+1"
    assert "nowhere" in rows[1]["error"]


def test_a_job_is_removed_while_the_worker_is_still_on_its_last_row(
    jobs: Jobs, tmp_path, monkeypatch, until
) -> None:
    held = Held(monkeypatch)
    job = jobs.submit("mine.csv", TABLE.encode())
    assert held.reached.acquire(timeout=30)
    jobs.cancel(job.id)
    assert jobs.remove(job.id).state is State.CANCELLED
    with pytest.raises(NotFoundError):
        jobs.get(job.id)
    held.go.release(6)
    until(lambda: not (tmp_path / job.id).exists())
    after = jobs.submit("mine.csv", TABLE.encode())
    until(ended(jobs, after.id))
    assert jobs.get(after.id).state is State.DONE


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("mine.csv", b"text,task\nx,place\n", "instruction"),
        ("mine.xlsx", b"PK", "xlsx"), ("mine.json", b'{"a":', "mine.json is not JSON"),
        ("mine.json", b"[" * 100_000, "mine.json is not JSON"),
        ("mine.parquet", b"PAR1 damaged PAR1", "mine.parquet is not a Parquet file"),
        ("mine.csv", b"instruction\n" + b"x" * 200_000, "larger than 150000 bytes"),
    ],
)
def test_a_file_that_cannot_be_scored_is_refused_at_once(http, name, content, words) -> None:
    reply = http.post("/robustness/v1/jobs", files={"file": (name, content)})
    assert reply.status_code == 400
    assert words in reply.json()["error"]["message"]


def test_a_job_that_is_not_there_is_not_found(http) -> None:
    for ask in (http.get, http.delete):
        assert ask("/robustness/v1/jobs/none").status_code == 404
    assert http.get("/robustness/v1/jobs/../../etc/result").status_code == 404


def test_progress_is_seen_while_a_job_runs(jobs: Jobs, monkeypatch, until) -> None:
    held = Held(monkeypatch)
    job = jobs.submit("mine.csv", TABLE.encode())
    assert held.reached.acquire(timeout=30)
    now = jobs.get(job.id)
    assert (now.state, now.done, now.rows) == (State.RUNNING, 1, 3)
    with pytest.raises(InputError, match="running, 1 of 3 rows"):
        jobs.result(job.id)
    with pytest.raises(InputError, match="cancel it first"):
        jobs.remove(job.id)
    held.go.release(3)
    until(ended(jobs, job.id))
    assert jobs.get(job.id).done == 3


def test_cancelling_stops_a_running_job_and_one_that_waits(
    jobs: Jobs, monkeypatch, until
) -> None:
    held = Held(monkeypatch)
    first, second = (jobs.submit("mine.csv", TABLE.encode()) for _ in range(2))
    assert held.reached.acquire(timeout=30)
    assert jobs.cancel(second.id).state is State.CANCELLED
    assert jobs.cancel(first.id).state is State.CANCELLED
    held.go.release(6)
    third = jobs.submit("mine.csv", TABLE.encode())
    until(ended(jobs, third.id))
    assert [jobs.get(j.id).state for j in (first, second, third)] == [
        State.CANCELLED, State.CANCELLED, State.DONE,
    ]
    with pytest.raises(InputError, match="cancelled"):
        jobs.result(first.id)


def test_a_restarted_server_goes_on_where_it_was(
    workbench: Workbench, tmp_path, monkeypatch, until
) -> None:
    held = Held(monkeypatch)
    before = Jobs(workbench, tmp_path)
    job = before.submit("mine.csv", TABLE.encode())
    waiting = before.submit("other.csv", TABLE.replace("rice", "beans").encode())
    assert held.reached.acquire(timeout=30)
    closing = threading.Thread(target=before.close)
    closing.start()
    until(before._closing.is_set)
    held.go.release()
    closing.join()
    assert files.read_json(tmp_path / job.id / STATUS)["state"] == "running"
    journal = tmp_path / job.id / f".{RESULT}.journal"
    assert len(journal.read_text().splitlines()) == 1

    read = []
    engine_read = workbench.engine.read
    monkeypatch.setattr(
        workbench.engine, "read",
        lambda m, p: read.extend(x.text for x in p) or engine_read(m, p),
    )
    after = Jobs(workbench, tmp_path)
    held.go.release(6)
    until(ended(after, waiting.id))
    after.close()
    assert after.get(job.id).state is after.get(waiting.id).state is State.DONE
    assert after.get(job.id).created == job.created
    # The first job's first row came from its journal: nobody read it again.
    assert not any("They cooked rice." in text for text in read)
    assert any("They cooked beans." in text for text in read)
    rows = list(csv.DictReader(io.StringIO(after.result(job.id).read_text())))
    assert [r["status"] for r in rows] == ["ok", "error", "ok"]
    assert rows[0]["output_original"]
    assert not journal.exists()


def test_columns_that_are_called_like_ours_survive_a_restart_of_their_job(
    workbench: Workbench, tmp_path, monkeypatch, until
) -> None:
    header, *lines = TABLE.splitlines()
    mine = [f"mine {name}" for name in batch.COLUMNS]
    table = "\n".join([
        ",".join((header, *batch.COLUMNS)), *(",".join((line, *mine)) for line in lines),
    ])
    renamed = {name: f"given_{name}" for name in batch.COLUMNS}
    held = Held(monkeypatch)
    before = Jobs(workbench, tmp_path)
    assert before.plan("mine.csv", table.encode()).renamed == renamed
    job = before.submit("mine.csv", table.encode())
    assert held.reached.acquire(timeout=30)
    held.go.release()
    assert held.reached.acquire(timeout=30)
    closing = threading.Thread(target=before.close)
    closing.start()
    until(before._closing.is_set)
    held.go.release()
    closing.join()
    after = Jobs(workbench, tmp_path)
    held.go.release(6)
    until(ended(after, job.id))
    after.close()
    assert after.get(job.id).renamed == renamed
    for row in rows_of(after, job.id):
        assert [row[renamed[name]] for name in batch.COLUMNS] == mine
        assert row["status"] in ("ok", "error") and row["low"] != "mine low"
    # The page lists our values, not the user's.
    assert [r["status"] for r in after.rows(job.id)] == ["ok", "error", "ok"]


def test_an_answer_called_null_is_still_there_when_the_job_is_done(
    jobs: Jobs, until
) -> None:
    table = "instruction,input,options\nWhich?,Cold soup.,null|NA\n"
    job = jobs.submit("mine.csv", table.encode())
    until(ended(jobs, job.id))
    (row,) = jobs.rows(job.id)
    assert row["output_original"] in ("null", "NA")


def test_a_cancelled_job_stays_cancelled_after_a_restart(
    workbench: Workbench, tmp_path, monkeypatch
) -> None:
    held = Held(monkeypatch)
    before = Jobs(workbench, tmp_path)
    job = before.submit("mine.csv", TABLE.encode())
    assert held.reached.acquire(timeout=30)
    before.cancel(job.id)
    held.go.release(3)
    before.close()
    after = Jobs(workbench, tmp_path)
    assert after.get(job.id).state is State.CANCELLED
    after.close()


class Away:
    """The workbench's engine, which goes away after some calls and comes back when told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, workbench: Workbench, after: int) -> None:
        self.left, self.back, self.refused = after, threading.Event(), 0
        for name in ("read", "count_tokens"):
            real = getattr(workbench.engine, name)
            monkeypatch.setattr(workbench.engine, name, self.instead(real))

    def instead(self, real):
        def call(*given):
            self.left -= 1
            if self.left < 0 and not self.back.is_set():
                self.refused += 1
                raise EngineError("the device is lost")
            return real(*given)

        return call


def rows_of(jobs: Jobs, job_id: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(jobs.result(job_id).read_text())))


def test_a_job_waits_for_an_engine_that_comes_back(
    jobs: Jobs, workbench: Workbench, monkeypatch, until
) -> None:
    away = Away(monkeypatch, workbench, after=2)
    job = jobs.submit("mine.csv", TABLE.encode())
    until(lambda: away.refused > 3)
    waiting = jobs.get(job.id)
    assert waiting.state is State.RUNNING
    assert waiting.error == "waiting: the device is lost"
    away.back.set()
    until(ended(jobs, job.id))
    assert jobs.get(job.id).state is State.DONE
    assert jobs.get(job.id).error is None
    assert [r["status"] for r in rows_of(jobs, job.id)] == ["ok", "error", "ok"]
    assert "instruction is empty" in rows_of(jobs, job.id)[1]["error"]


def test_rows_carry_the_error_of_an_engine_that_stays_away_too_long(
    workbench: Workbench, tmp_path, monkeypatch, until
) -> None:
    impatient = Jobs(workbench, tmp_path, patience=0.2, pause=0.05)
    away = Away(monkeypatch, workbench, after=0)
    job = impatient.submit("mine.csv", TABLE.encode())
    until(ended(impatient, job.id))
    rows = rows_of(impatient, job.id)
    assert [r["status"] for r in rows] == ["error"] * 3
    assert "the device is lost (the engine was away for more than 0 s" in rows[0]["error"]
    away.back.set()
    again = impatient.submit("mine.csv", TABLE.encode())
    until(ended(impatient, again.id))
    assert [r["status"] for r in rows_of(impatient, again.id)] == ["ok", "error", "ok"]
    impatient.close()


def test_a_job_is_cancelled_while_it_waits(
    jobs: Jobs, workbench: Workbench, monkeypatch, until
) -> None:
    away = Away(monkeypatch, workbench, after=0)
    job = jobs.submit("mine.csv", TABLE.encode())
    until(lambda: away.refused > 1)
    assert jobs.cancel(job.id).state is State.CANCELLED
    away.back.set()
    after = jobs.submit("mine.csv", TABLE.encode())
    until(ended(jobs, after.id))
    assert jobs.get(after.id).state is State.DONE
    assert jobs.get(job.id).state is State.CANCELLED


def test_a_job_that_fails_is_told_and_costs_no_other(jobs: Jobs, monkeypatch, until) -> None:
    def broken(*given, **named):
        raise RuntimeError("out of disk")

    with monkeypatch.context() as patched:
        patched.setattr(batch, "score", broken)
        failed = jobs.submit("mine.csv", TABLE.encode())
        until(ended(jobs, failed.id))
    assert jobs.get(failed.id).state is State.FAILED
    # The text of such an exception may name anything, and its owner may be a stranger.
    told = "the server failed (RuntimeError); its log has the details"
    assert jobs.get(failed.id).error == told
    with pytest.raises(InputError, match=re.escape(f"failed: {told}")):
        jobs.result(failed.id)
    good = jobs.submit("mine.csv", TABLE.encode())
    until(ended(jobs, good.id))
    assert jobs.get(good.id).state is State.DONE


def test_a_damaged_status_costs_only_its_own_job(
    workbench: Workbench, tmp_path, until
) -> None:
    before = Jobs(workbench, tmp_path)
    job = before.submit("mine.csv", TABLE.encode())
    until(ended(before, job.id))
    before.close()
    for name, text in (("cut", '{"schema": 1, "id"'), ("old", '{"schema": 0}'), ("list", "[]")):
        (tmp_path / name).mkdir()
        (tmp_path / name / STATUS).write_text(text)
    after = Jobs(workbench, tmp_path)
    assert after.get(job.id).state is State.DONE
    for name in ("cut", "old", "list"):
        with pytest.raises(NotFoundError, match=name):
            after.get(name)
    after.close()


def test_a_file_name_cannot_leave_the_jobs_folder(jobs: Jobs, tmp_path, until) -> None:
    job = jobs.submit("../../etc/mine.csv", TABLE.encode())
    until(ended(jobs, job.id))
    assert job.name == "mine.csv"
    assert {p.parent for p in tmp_path.rglob("*.csv")} == {tmp_path / job.id}


def full_disk(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Until the event is set, nothing that is written gets onto the disk."""
    room, sync = threading.Event(), os.fsync

    def fsync(handle: int) -> None:
        if not room.is_set():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    return room


def test_a_full_disk_is_waited_for_and_said(
    jobs: Jobs, tmp_path, monkeypatch: pytest.MonkeyPatch, until
) -> None:
    held = Held(monkeypatch)
    first, second = (jobs.submit("mine.csv", TABLE.encode()) for _ in range(2))
    assert held.reached.acquire(timeout=30)
    room = full_disk(monkeypatch)
    held.go.release(20)
    until(lambda: "No space left" in (jobs.get(first.id).error or ""))
    assert jobs.get(first.id).state is State.RUNNING
    assert "cannot be written" in str(jobs.problem)
    with pytest.raises(StorageError, match="cannot keep the upload"):
        jobs.submit("mine.csv", TABLE.encode())
    jobs.check()
    room.set()
    until(ended(jobs, second.id))
    assert jobs.get(first.id).state is jobs.get(second.id).state is State.DONE
    until(lambda: jobs.problem is None)
    assert [r["status"] for r in rows_of(jobs, first.id)] == ["ok", "error", "ok"]
    assert files.read_json(tmp_path / first.id / STATUS)["state"] == "done"
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_dir()) == sorted(
        (first.id, second.id)
    )


def test_a_job_that_failed_at_writing_is_retried_and_keeps_its_rows(
    workbench: Workbench, tmp_path, monkeypatch: pytest.MonkeyPatch, until
) -> None:
    impatient = Jobs(workbench, tmp_path, patience=0.1, pause=0.05)
    held = Held(monkeypatch)
    job = impatient.submit("mine.csv", TABLE.encode())
    assert held.reached.acquire(timeout=30)
    room = full_disk(monkeypatch)
    held.go.release(20)
    until(ended(impatient, job.id))
    assert "No space left on device" in str(impatient.get(job.id).error)
    assert str(tmp_path) not in str(impatient.get(job.id).error)
    room.set()
    read = []
    engine_read = workbench.engine.read
    monkeypatch.setattr(
        workbench.engine, "read",
        lambda m, p: read.extend(x.text for x in p) or engine_read(m, p),
    )
    assert impatient.retry(job.id).state is State.QUEUED
    until(ended(impatient, job.id))
    assert [r["status"] for r in rows_of(impatient, job.id)] == ["ok", "error", "ok"]
    assert not any("They cooked rice." in text for text in read)
    with pytest.raises(InputError, match="is done"):
        impatient.retry(job.id)
    impatient.close()


def test_a_worker_that_ended_makes_the_server_unready(
    fake, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = Jobs(Workbench(fake, indexes=tmp_path), tmp_path / "jobs")
    app = create_app(Workbench(fake, indexes=tmp_path), Settings(), batch=shared)
    client = TestClient(app, base_url="http://localhost")
    assert client.get("/readyz").status_code == 200
    shared.close()
    reply = client.get("/readyz")
    assert reply.status_code == 503
    assert "worker of the batch jobs" in reply.json()["problem"]


def test_two_servers_have_no_folder_together(workbench: Workbench, tmp_path) -> None:
    first = Jobs(workbench, tmp_path)
    with pytest.raises(InputError, match=r"in use by another process .*--jobs FOLDER"):
        Jobs(workbench, tmp_path)
    first.close()
    Jobs(workbench, tmp_path).close()


@pytest.mark.parametrize(
    "change",
    [{"created": None}, {"rows": "many"}, {"id": "../../outside"}, {"state": "sleeping"}],
)
def test_a_status_that_was_tampered_with_costs_only_its_own_job(
    workbench: Workbench, tmp_path, change: dict, until
) -> None:
    folder = tmp_path / "jobs"
    before = Jobs(workbench, folder)
    good, bad = (before.submit("mine.csv", TABLE.encode()) for _ in range(2))
    until(ended(before, bad.id))
    before.close()
    path = folder / bad.id / STATUS
    files.write_json(path, files.read_json(path) | {"state": "queued"} | change)
    after = Jobs(workbench, folder)
    assert after.get(good.id).state is State.DONE
    with pytest.raises(NotFoundError):
        after.get(bad.id)
    after.close()
    assert [p.name for p in tmp_path.iterdir()] == ["jobs"]


def test_a_folder_deleted_by_hand_is_not_found(http, url: str, until, job_folder) -> None:
    job = http.post("/robustness/v1/jobs", files={"file": ("mine.csv", TABLE)}).json()
    path = f"/robustness/v1/jobs/{job['id']}"
    until(lambda: http.get(path).json()["state"] == "done")
    shutil.rmtree(job_folder / job["id"])
    reply = http.get(f"{path}/result")
    assert reply.status_code == 404
    assert "no longer on the disk" in reply.json()["error"]["message"]
    assert http.delete(path, params={"remove": True}).status_code == 200
    assert http.get(path).status_code == 404


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("mine.json", b'[{"instruction": "x"'), ("mine.json", b"[" * 100_000),
        ("mine.parquet", b"PAR1 and nothing"), ("mine.parquet", b""),
        ("mine.parquet", b"PAR1" + bytes(200) + b"PAR1"),
    ],
)
def test_a_corrupt_upload_is_the_clients_fault(http, name: str, content: bytes) -> None:
    reply = http.post("/robustness/v1/jobs", files={"file": (name, content)})
    assert reply.status_code == 400
    assert name in reply.json()["error"]["message"]


def test_the_parsing_of_an_upload_stops_with_its_client(http, monkeypatch, until) -> None:
    """A client that hangs up while its table is read."""
    started, stopped = threading.Event(), threading.Event()

    def endless(content: bytes, name: str, *, should_stop, **_: object) -> None:
        started.set()
        while not should_stop():
            time.sleep(0.01)
        stopped.set()
        raise CancelledError("stopped")

    monkeypatch.setattr(library.batch, "read_table", endless)
    with pytest.raises(httpx.ReadTimeout):
        http.post(
            "/robustness/v1/jobs", files={"file": ("x.csv", b"instruction\nleft\n")}, timeout=1
        )
    assert started.is_set()
    until(stopped.is_set)


def test_a_small_job_does_not_wait_for_a_large_one(
    workbench: Workbench, tmp_path, monkeypatch, until
) -> None:
    jobs = Jobs(workbench, tmp_path, small=30)
    held = Held(monkeypatch)
    rows = "instruction,task\n" + "Which topic?,scene_topic\n" * 9
    large = jobs.submit("large.csv", rows.encode())
    assert large.calls > 30
    assert held.reached.acquire(timeout=30)
    monkeypatch.setattr(batch, "score", held._score)
    small = jobs.submit("small.csv", b"instruction,input,options\nGood or bad?,Cold.,good|bad\n")
    assert small.calls <= 30
    until(ended(jobs, small.id))
    assert jobs.get(small.id).state is State.DONE
    assert jobs.get(large.id).state is State.RUNNING
    assert jobs.counts()[State.RUNNING] == jobs.counts()[State.DONE] == 1
    jobs.cancel(large.id)
    held.go.release(9)
    jobs.close()


def test_beyond_a_number_of_unfinished_jobs_no_more_are_taken(
    workbench: Workbench, tmp_path, monkeypatch, until
) -> None:
    jobs = Jobs(workbench, tmp_path, unfinished=2)
    held = Held(monkeypatch)
    first, _ = (jobs.submit("mine.csv", TABLE.encode()) for _ in range(2))
    with pytest.raises(BusyError, match="2 unfinished jobs"):
        jobs.submit("mine.csv", TABLE.encode())
    jobs.cancel(first.id)
    jobs.submit("mine.csv", TABLE.encode())
    held.go.release(12)
    jobs.close()
