import io
import threading
import time
import zipfile
from pathlib import Path

import httpx
import pandas as pd
import pytest

from robustness import evidence
from robustness.errors import CancelledError, CorruptFileError
from server import library
from server.jobs import Jobs

TABLE = (
    "instruction,task,mine\n"
    '"{text}\nName the topic, please.",scene_topic,one\n'
    "Did the critic enjoy it?,no_such_task,two\n"
)


def sent(content: str, name: str = "mine.csv") -> dict:
    return {"file": (name, content.encode(), "text/csv")}


def test_a_table_is_checked_before_it_runs(page_http: httpx.Client) -> None:
    found = page_http.post("/page/v1/batch/check", files=sent(TABLE)).json()
    assert (found["rows"], found["bad_rows"]) == (2, 1)
    assert found["calls"] > 0
    assert [(c["name"], c["meaning"]) for c in found["columns"]] == [
        ("instruction", "instruction"), ("task", "task"), ("mine", None),
    ]
    assert [c["kept"] for c in found["columns"]] == ["instruction", "task", "mine"]
    assert found["listed"][0]["error"] is None
    assert "no_such_task" in found["listed"][1]["error"]


def test_a_file_that_cannot_be_read_says_why(page_http: httpx.Client) -> None:
    reply = page_http.post("/page/v1/batch/check", files=sent("text\nno\n"))
    assert reply.status_code == 400
    assert "instruction" in reply.json()["error"]["message"]
    reply = page_http.post("/page/v1/batch/check", files=sent("x" * 200_000))
    assert reply.status_code == 400 and "larger" in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.json", b'{"a":'), ("x.json", b"[" * 100_000), ("x.parquet", b"PAR1 damaged PAR1"),
        ("x.parquet", b""),
    ],
)
@pytest.mark.parametrize("path", ["/page/v1/batch/check", "/page/v1/batch/jobs"])
def test_a_corrupt_table_is_the_clients_error_and_names_the_file(
    page_http: httpx.Client, path: str, name: str, content: bytes
) -> None:
    reply = page_http.post(path, files={"file": (name, content)})
    assert reply.status_code == 400
    assert name in reply.json()["error"]["message"]
    assert reply.json()["error"]["type"] == "invalid_request_error"


def test_a_damaged_index_is_not_the_error_of_who_sends_a_table(
    page_http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_: object, **__: object) -> None:
        raise CorruptFileError("/somewhere/manifest.json is damaged")

    monkeypatch.setattr(library.batch, "plan", damaged)
    for path in ("/page/v1/batch/check", "/page/v1/batch/jobs"):
        reply = page_http.post(path, files=sent(TABLE))
        assert reply.status_code == 503
        assert reply.json()["error"]["code"] == "index_unavailable"


def test_a_job_gives_its_rows_and_its_result(page_http: httpx.Client) -> None:
    job = page_http.post("/page/v1/batch/jobs", files=sent(TABLE)).json()
    place = f"/page/v1/batch/jobs/{job['id']}"
    found = page_http.get(place).json()
    for _ in range(600):
        if found["job"]["state"] == "done":
            break
        time.sleep(0.05)
        found = page_http.get(place).json()
    assert [r["number"] for r in found["rows"]] == [0, 1]
    assert found["rows"][0]["status"] == "ok" and found["rows"][1]["status"] == "error"
    assert found["rows"][0]["instruction"].startswith("{text}")
    assert page_http.get(place, params={"after": 1}).json()["rows"] == found["rows"][1:]
    table = pd.read_csv(io.StringIO(page_http.get(f"{place}/result.csv").text))
    assert list(table["mine"]) == ["one", "two"]


def test_the_rows_of_a_running_job_are_those_of_its_journal(
    page_jobs: Jobs, page_http: httpx.Client
) -> None:
    """The journal is read while it grows, half a line at its end included."""
    job = page_http.post("/page/v1/batch/jobs", files=sent(TABLE)).json()
    while page_jobs.get(job["id"]).state != "done":
        time.sleep(0.05)
    result = page_jobs.result(job["id"])
    result.unlink()
    journal = result.with_name(f".{result.name}.journal")
    journal.write_text(
        '{"key": "1:abc", "value": {"status": "error", "error": "why"}}\n{"key": "0:de', "utf-8"
    )
    rows = page_http.get(f"/page/v1/batch/jobs/{job['id']}").json()["rows"]
    assert [(r["number"], r["error"]) for r in rows] == [(1, "why")]


def test_an_unknown_job_is_not_found(page_http: httpx.Client) -> None:
    assert page_http.get("/page/v1/batch/jobs/nothing").status_code == 404


def test_the_example_can_be_checked(page_http: httpx.Client) -> None:
    table = page_http.get("/page/v1/batch/example.csv").text
    assert page_http.post("/page/v1/batch/check", files=sent(table)).json()["rows"] > 2


@pytest.mark.parametrize("part", ["read_table", "plan"])
def test_the_check_of_a_table_stops_with_its_client(
    page_http: httpx.Client, monkeypatch, until, part: str
) -> None:
    started, stopped = threading.Event(), threading.Event()

    def endless(*_: object, should_stop, **__: object) -> None:
        started.set()
        while not should_stop():
            time.sleep(0.01)
        stopped.set()
        raise CancelledError("stopped")

    monkeypatch.setattr(library.batch, part, endless)
    with pytest.raises(httpx.ReadTimeout):
        table = sent(f"instruction\nleft by {part}\n")
        page_http.post("/page/v1/batch/check", files=table, timeout=1)
    assert started.is_set()
    until(stopped.is_set)


def test_a_job_s_evidence_is_a_file_for_each_wording_that_replays(
    page_http: httpx.Client, indexes: Path
) -> None:
    content = TABLE + "Good or bad?,,three\n"
    job = page_http.post("/page/v1/batch/jobs", files=sent(content)).json()
    reply = page_http.get(f"/page/v1/batch/jobs/{job['id']}/evidence.zip")
    assert reply.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
        assert archive.namelist()[0] == "row-1.json"
        text = archive.read("row-1.json").decode()
    document, checks = evidence.replay(text, indexes=indexes)
    assert document["asked"]["task"] == "scene_topic"
    assert {check.what for check in checks} == {"content", "look", "answers"}
    assert all(check.ok for check in checks)
    assert page_http.get("/page/v1/batch/jobs/none/evidence.zip").status_code == 404
