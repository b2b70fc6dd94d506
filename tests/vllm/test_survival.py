"""The vLLM engine when vLLM rejects requests, is slow or dies, and when clients disconnect."""

import asyncio
import csv
import io
import os
import signal
import socket
import time
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import httpx
import psutil
import pytest

from robustness.errors import EngineError
from robustness.types import GenerationSettings
from robustness.workbench import Workbench
from server.application import create_app
from server.engines.vllm_client import Row, _prompt

TEXT = "Anna is in the kitchen. Where is Anna? Answer:"
ROWS = 60
NO_ROOM = {"VLLM_CPU_KVCACHE_SPACE": "100000"}
"""GiB, more than any machine of ours has."""


@contextmanager
def stopped(process_id: int):
    """A process that exists and does nothing."""
    os.kill(process_id, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process_id, signal.SIGCONT)


def test_embeddings_are_never_given_to_completions(vllm) -> None:
    row = vllm._row([1, 2, 3], vllm._served.adapter(vllm.models()[1].id))
    path, body = _prompt(row)
    assert path == "/v1/chat/completions"
    assert set(body) == {"messages"}
    assert _prompt(Row(ids=(1, 2)))[1] == {"prompt": [1, 2]}


def test_a_client_that_leaves_frees_its_slot(vllm, gather, counter, until) -> None:
    # What is no instruction is answered at length now and then: there is a middle to leave it in.
    model, prompt = vllm.models()[0].id, "a , , , , , ,"

    def hot(seed: int) -> GenerationSettings:
        return GenerationSettings(max_tokens=250, temperature=2.0, seed=seed)

    def tokens() -> float:
        until(lambda: counter("vllm:num_requests_running") == 0)
        return counter("vllm:generation_tokens_total")

    async def leave(seed: int) -> None:
        stream = vllm.stream(model, prompt, hot(seed))
        await anext(stream)
        await stream.aclose()

    def length(seed: int) -> int:
        return gather(vllm, model, prompt, hot(seed))[-1].completion_tokens

    long = next(seed for seed in range(100) if length(seed) > 60)
    before = tokens()
    asyncio.run(leave(long))
    time.sleep(1)
    assert tokens() - before < 30


def test_one_that_does_not_answer_is_an_engine_error(attach) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        engine = attach(f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(EngineError, match="does not answer"):
            engine.represent(engine.models()[0].id, [TEXT])


def test_something_else_at_the_address_is_named(attach) -> None:
    class Silent(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Silent)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        engine = attach(f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(EngineError):
            engine.represent(engine.models()[0].id, [TEXT])
    finally:
        server.shutdown()
        server.server_close()


def test_a_vllm_with_another_model_is_refused(attach, tiny_llama) -> None:
    engine = attach(model=tiny_llama)
    with pytest.raises(EngineError, match="another model than tiny-llama"):
        engine.represent("tiny-llama", [TEXT])


def test_a_wrong_key_is_refused(attach) -> None:
    engine = attach()
    engine._client._http.headers["Authorization"] = "Bearer wrong"
    with pytest.raises(EngineError, match="VLLM_API_KEY"):
        engine.represent(engine.models()[0].id, [TEXT])


def test_a_slow_one_is_an_engine_error_until_it_is_quick_again(vllm, attach) -> None:
    engine = attach(timeout=1)
    model = engine.models()[0].id
    engine.represent(model, [TEXT])
    with stopped(vllm._process.pid), pytest.raises(EngineError, match="too slow"):
        engine.represent(model, [TEXT])
    vllm.represent(model, [TEXT])
    engine.represent(model, [TEXT])


def wait_for(client: httpx.Client, status: int, seconds: float) -> httpx.Response:
    limit = time.monotonic() + seconds
    while True:
        reply = client.get("/readyz")
        if reply.status_code == status:
            return reply
        assert time.monotonic() < limit, reply.text
        time.sleep(0.2)


def engine_core(vllm) -> psutil.Process:
    """The process that computes; the one that was started only talks."""
    children = psutil.Process(vllm._process.pid).children(recursive=True)
    return next(c for c in children if "EngineCore" in " ".join(c.cmdline()))


@pytest.fixture
def client(vllm, built, settings, serve):
    app = create_app(Workbench(vllm), settings, reason=built.reason)
    with serve(app) as url, httpx.Client(base_url=url, trust_env=False, timeout=300) as made:
        wait_for(made, 200, 400)
        yield made


def test_a_killed_vllm_comes_back_by_itself_and_a_job_goes_on(
    vllm, attach, client, until
) -> None:
    original = vllm.models()[0].id
    attached = attach()
    before = vllm.represent(original, [TEXT])[0]
    attached.represent(original, [TEXT])
    body = {"model": original, "prompt": TEXT, "max_tokens": 4}
    ready = client.get("/readyz").json()
    assert ready["engine"].startswith("vLLM")
    assert ready["reason"] == "asked for"
    text = client.post("/v1/completions", json=body).json()["choices"][0]["text"]

    rows = "".join(f"Which topic? {n},scene_topic,They cooked rice.\n" for n in range(ROWS))
    table = f"instruction,task,input\n{rows}"
    job = client.post("/robustness/v1/jobs", files={"file": ("t.csv", table)}).json()
    path = f"/robustness/v1/jobs/{job['id']}"
    until(lambda: client.get(path).json()["done"] > 0)
    process = psutil.Process(vllm._process.pid)
    children = process.children(recursive=True)
    process.kill()
    assert client.get(path).json()["done"] < ROWS
    down = wait_for(client, 503, 60)
    assert int(down.headers["Retry-After"]) > 0
    # The first to notice may be who asked, before the supervision does.
    until(lambda: "SIGKILL" in client.get("/readyz").json()["problem"])
    refused = client.post("/v1/completions", json=body)
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) > 0
    assert refused.json()["error"]["code"] == "engine_unavailable"
    assert client.get("/healthz").status_code == 200
    with pytest.raises(EngineError):
        attached.represent(original, [TEXT])
    # One that is attached before anything listens there.
    early = attach()
    with pytest.raises(EngineError, match="does not answer"):
        early.represent(original, [TEXT])
    until(lambda: "waiting: vLLM" in (client.get(path).json()["error"] or ""))

    wait_for(client, 200, 400)
    # What a killed server leaves behind is ended as well.
    assert not any(c.is_running() and c.status() != psutil.STATUS_ZOMBIE for c in children)
    again = client.post("/v1/completions", json=body)
    assert again.json()["choices"][0]["text"] == text
    for engine in (vllm, attached, early):
        assert engine.represent(original, [TEXT])[0] == pytest.approx(before, abs=1e-5)
    wait_for_job(client, path, 120)
    result = csv.DictReader(io.StringIO(client.get(f"{path}/result").text))
    assert [row["status"] for row in result] == ["ok"] * ROWS


def wait_for_job(client: httpx.Client, path: str, seconds: float) -> None:
    limit = time.monotonic() + seconds
    while (job := client.get(path).json())["state"] != "done":
        assert job["state"] == "running" and time.monotonic() < limit, job
        time.sleep(0.5)


def test_one_whose_engine_hangs_is_started_again(vllm, client, monkeypatch) -> None:
    first = vllm._process.pid
    monkeypatch.setattr(vllm._process, "_silence", 4.0)
    engine_core(vllm).suspend()
    # The probe that runs by then may still have the patience of before.
    assert "did not answer for" in wait_for(client, 503, 200).json()["problem"]
    # A machine under load is slow, which is no hanging.
    monkeypatch.setattr(vllm._process, "_silence", 120.0)
    wait_for(client, 200, 400)
    assert vllm._process.pid != first
    assert vllm.represent(vllm.models()[0].id, [TEXT])[0].shape


def test_one_that_runs_out_of_memory_says_so_until_there_is_enough(
    vllm, client, monkeypatch, caplog
) -> None:
    enough = vllm._process._launch
    little = replace(enough, environment=dict(enough.environment) | NO_ROOM)
    monkeypatch.setattr(vllm._process, "_launch", little)
    engine_core(vllm).kill()
    limit = time.monotonic() + 400
    while "memory" not in (problem := vllm._process.problem() or ""):
        assert time.monotonic() < limit, problem
        time.sleep(0.1)
    assert "memory" in wait_for(client, 503, 10).json()["problem"]
    body = {"model": vllm.models()[0].id, "prompt": TEXT, "max_tokens": 1}
    refused = client.post("/v1/completions", json=body)
    assert refused.status_code == 503
    assert "memory" in refused.json()["error"]["message"]
    assert "memory" in caplog.text
    monkeypatch.setattr(vllm._process, "_launch", enough)
    wait_for(client, 200, 400)
