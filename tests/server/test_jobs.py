"""Batch jobs: over HTTP, cancelled, and resumed by the next process."""

import io
import time
from pathlib import Path

import httpx
import pandas as pd
import pytest

from robustness import storage
from robustness.errors import InputError, NotFoundError
from robustness.workbench import Workbench
from server.jobs import STATUS, Jobs, State

GOOD = b"instruction,task,note\nName the room of the person.,place,=1+1\n,place,\nx,nowhere,\n"


def wait(jobs: Jobs, job_id: str) -> State:
    for _ in range(600):
        state = jobs.get(job_id).state
        if state not in (State.QUEUED, State.RUNNING):
            return state
        time.sleep(0.05)
    raise AssertionError("the job did not end")


def test_a_file_is_uploaded_scored_and_downloaded(server: str) -> None:
    url = f"{server}/robustness/v1/jobs"
    job = httpx.post(url, files={"file": ("rows.csv", GOOD)}).raise_for_status().json()
    assert (job["rows"], job["bad_rows"]) == (3, 2)
    for _ in range(600):
        job = httpx.get(f"{url}/{job['id']}").json()
        if job["state"] == "done":
            break
        time.sleep(0.05)
    table = pd.read_csv(io.BytesIO(httpx.get(f"{url}/{job['id']}/result").content))
    assert list(table["status"]) == ["ok", "error", "error"]
    assert table["note"][0] == "'=1+1"
    assert "nowhere" in table["error"][2]


def test_a_file_without_the_column_is_refused_with_the_columns_found(server: str) -> None:
    reply = httpx.post(f"{server}/robustness/v1/jobs", files={"file": ("a.csv", b"text,x\na,b\n")})
    assert reply.status_code == 400
    assert "text" in reply.json()["error"]["message"]


def test_an_unknown_job_is_not_found(server: str) -> None:
    assert httpx.get(f"{server}/robustness/v1/jobs/none").status_code == 404


def test_a_cancelled_job_ends_cancelled(tmp_path: Path, workbench: Workbench) -> None:
    jobs = Jobs(workbench, tmp_path)
    rows = b"instruction,task\n" + b"Name the room of the person.,place\n" * 40
    job = jobs.submit("rows.csv", rows)
    jobs.cancel(job.id)
    assert wait(jobs, job.id) is State.CANCELLED
    with pytest.raises(InputError, match="cancelled"):
        jobs.result(job.id)
    jobs.remove(job.id)
    with pytest.raises(NotFoundError):
        jobs.get(job.id)
    jobs.close()


def test_a_job_that_a_stopped_process_left_goes_on_at_the_next_start(
    tmp_path: Path, workbench: Workbench
) -> None:
    first = Jobs(workbench, tmp_path)
    job = first.submit("rows.csv", GOOD)
    first.close()
    path = tmp_path / job.id / STATUS
    row = storage.read_json(path)
    storage.write_json(path, row | {"state": "running", "done": 0})
    second = Jobs(workbench, tmp_path)
    assert wait(second, job.id) is State.DONE
    assert len(pd.read_csv(second.result(job.id))) == 3
    second.close()
