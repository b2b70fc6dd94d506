"""The page's endpoints behind the gate: keys, owners of jobs, queues, limits."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from robustness.models.transformers_engine import TransformersEngine
from robustness.workbench import Workbench
from server import errors
from server.access import Access
from server.engines import Built
from server.gate import Gate
from server.jobs import Jobs
from server.opening import Opened, Opening
from server.page import api, batch_api
from server.settings import Settings

ANNA, BEN = "a" * 24, "b" * 24
ASKED = {"instruction": "{text}\nName the topic, please.", "task": "scene_topic"}
TABLE = b"instruction,input,options\nGood or bad?,Cold.,good|bad\n"
CHECK, JOBS = batch_api.UPLOADS
PREDICTIONS, GENERATIONS = (
    ("wording", "answers"), ("measure", "advise", "reliance", "evidence", "write"),
)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def sent() -> dict:
    return {"file": ("t.csv", TABLE, "text/csv")}


@pytest.fixture
def gated(
    aligned_engine: TransformersEngine, indexes: Path, page_jobs: Jobs
) -> Callable[..., tuple[Gate, Access]]:
    """Makes the page's endpoints behind a gate with settings."""

    def make(**given) -> tuple[Gate, Access]:
        workbench = Workbench(aligned_engine, indexes=indexes)
        built = Built(engine=aligned_engine, reason="a test")
        app = FastAPI()
        opening = Opening(
            lambda _: Opened(built=built, workbench=workbench, jobs=page_jobs, api=app), ()
        )
        opening._run()
        errors.install(app)
        access = Access(Settings(indexes=indexes, **given))
        app.include_router(api.routes(opening, access, None))
        app.include_router(batch_api.routes(page_jobs, access, workbench))
        return Gate(app, access), access

    return make


def visitor(gate: Gate) -> TestClient:
    return TestClient(gate, base_url="http://localhost", client=("203.0.113.5", 5))


def test_without_the_key_no_endpoint_of_the_page_answers(gated) -> None:
    gate, _ = gated(api_key=f"anna {ANNA}")
    client = visitor(gate)
    asked = [
        *(("GET", p) for p in ("state", "findings", "card.md", "qr.svg?text=x")),
        *(("GET", f"batch/jobs/x{p}") for p in ("", "/result.csv", "/evidence.zip")),
        ("GET", "batch/example.csv"),
        *(("POST", p) for p in (*PREDICTIONS, *GENERATIONS, "replay", "batch/check", "batch/jobs")),
        ("DELETE", "batch/jobs/x"),
    ]
    for method, path in asked:
        for headers in ({}, bearer(BEN)):
            reply = client.request(
                method, f"/page/v1/{path}", headers=headers, follow_redirects=False
            )
            assert reply.status_code == 401, path
            assert reply.json()["error"]["code"] == "invalid_api_key"
    assert client.get("/page/v1/state", headers=bearer(ANNA)).json()["ready"]
    found = client.post("/page/v1/wording", json=ASKED, headers=bearer(ANNA))
    assert found.json()["prediction"]["task"] == "scene_topic"


def test_a_job_of_another_client_is_not_found(gated, until: Callable) -> None:
    gate, _ = gated(api_key=f"anna {ANNA},ben {BEN}")
    client = visitor(gate)
    anna, ben = {"headers": bearer(ANNA)}, {"headers": bearer(BEN)}
    job = client.post(JOBS, files=sent(), **anna).json()
    assert "owner" not in job
    path = f"{JOBS}/{job['id']}"
    until(lambda: client.get(path, **anna).json()["job"]["state"] == "done")
    for method, place in (
        ("GET", path), ("GET", f"{path}/result.csv"), ("GET", f"{path}/evidence.zip"),
        ("DELETE", path),
        ("DELETE", f"{path}?remove=true"),
    ):
        reply = client.request(method, place, **ben)
        assert reply.status_code == 404, place
        told = reply.json()["error"]["message"]
        # It cannot even be told from a job that does not exist.
        assert told == f"there is no job {job['id']!r}"
    assert "owner" not in client.get(path, **anna).json()["job"]
    assert client.get(path, **anna).json()["rows"][0]["status"] == "ok"
    assert "Cold." in client.get(f"{path}/result.csv", **anna).text
    assert client.delete(f"{path}?remove=true", **anna).status_code == 200
    assert client.get(path, **anna).status_code == 404


@pytest.mark.parametrize(
    ("queue", "names"), [("predictions", PREDICTIONS), ("generations", GENERATIONS)]
)
def test_a_full_queue_refuses_with_429_and_computes_again_afterwards(
    gated, queue: str, names: tuple[str, ...]
) -> None:
    gate, access = gated(**{queue: 1, f"waiting_{queue}": 0})
    client, taken = visitor(gate), getattr(access.admission, queue)
    with taken.entered():
        for name in names:
            reply = client.post(f"/page/v1/{name}", json=ASKED)
            assert reply.status_code == 429, name
            assert int(reply.headers["retry-after"]) >= 1
            assert f"queue of {queue} is full" in reply.json()["error"]["message"]
    for name in names[:1]:
        assert client.post(f"/page/v1/{name}", json=ASKED).status_code == 200
    assert (taken.running, taken.waiting) == (0, 0)


@pytest.mark.parametrize("name", [*PREDICTIONS, *GENERATIONS])
def test_every_request_waits_in_its_queue(gated, name: str) -> None:
    """The gate sees that a queue is full; who comes in time waits for a place of it."""
    gate, access = gated(
        predictions=1, generations=1, waiting_predictions=1, waiting_generations=1,
        queue_seconds=0.05,
    )
    client = visitor(gate)
    with access.admission.predictions.entered(), access.admission.generations.entered():
        reply = client.post(f"/page/v1/{name}", json=ASKED)
    assert reply.status_code == 429
    assert "did not move in time" in reply.json()["error"]["message"]


def test_uploads_and_evidence_wait_in_the_queue_of_uploads(gated) -> None:
    gate, access = gated(uploads=1, waiting_uploads=1, queue_seconds=0.05)
    client = visitor(gate)
    with access.admission.uploads.entered():
        for path in (CHECK, JOBS):
            assert client.post(path, files=sent()).status_code == 429
        assert client.post("/page/v1/replay", content="{}").status_code == 429
    assert client.post(CHECK, files=sent()).json()["rows"] == 1
    assert client.post("/page/v1/replay", content="{}").status_code == 400
    assert access.admission.uploads.running == 0


def test_a_stream_keeps_its_place_until_it_ends(gated, serve, until: Callable) -> None:
    gate, access = gated()
    queue = access.admission.generations
    with serve(gate) as url, httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        with client.stream("POST", "/page/v1/measure", json=ASKED) as reply:
            lines = reply.iter_lines()
            assert "rung" in next(lines)
            assert queue.running == 1
            assert list(lines)
        until(lambda: queue.running == 0)


def test_the_limits_of_a_client_hold_on_the_page(gated) -> None:
    gate, _ = gated(
        host="0.0.0.0", no_auth=True, client_prompts="40/day", client_rows="2/day"
    )
    client = visitor(gate)
    codes = [client.post("/page/v1/wording", json=ASKED).status_code for _ in range(3)]
    assert codes == [200, 200, 429]
    refused = client.post("/page/v1/measure", json=ASKED)
    assert refused.status_code == 400
    assert "--client-prompts" in refused.json()["error"]["message"]
    rows = b"instruction,input,options\n" + b"Good or bad?,Cold.,good|bad\n" * 3
    large = client.post(JOBS, files={"file": ("t.csv", rows, "text/csv")})
    assert large.status_code == 400
    assert "--client-rows" in large.json()["error"]["message"]


def test_a_file_that_is_no_table_is_refused_and_no_path_is_told(gated) -> None:
    client = visitor(gated()[0])
    for name in ("t.exe", "t.html", "../../etc/passwd"):
        reply = client.post(CHECK, files={"file": (name, b"x", "text/csv")})
        assert reply.status_code == 400, name
        message = reply.json()["error"]["message"]
        assert "/tmp" not in message and "Traceback" not in message
