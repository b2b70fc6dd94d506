"""vLLM refuses, is slow, dies and comes back; clients leave."""

import asyncio
import os
import signal
import socket
import time
from contextlib import contextmanager
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
STORY = "Once upon a time"


@contextmanager
def stopped(process_id: int):
    """A process that exists and does nothing."""
    os.kill(process_id, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process_id, signal.SIGCONT)


def test_embeddings_are_never_given_to_completions(vllm) -> None:
    row = vllm._row([1, 2, 3], vllm._served.prefix(vllm.models()[1].id))
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


@pytest.mark.parametrize("victim", ["server", "engine"])
def test_a_killed_vllm_comes_back_by_itself(
    vllm, built, attach, settings, serve, victim: str
) -> None:
    original = vllm.models()[0].id
    attached = attach()
    before = vllm.represent(original, [TEXT])[0]
    attached.represent(original, [TEXT])
    app = create_app(Workbench(vllm), settings, reason=built.reason)
    body = {"model": original, "prompt": TEXT, "max_tokens": 4}
    with serve(app) as url, httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        ready = client.get("/readyz").json()
        assert ready["engine"].startswith("vLLM")
        assert ready["reason"] == "asked for"
        text = client.post("/v1/completions", json=body).json()["choices"][0]["text"]

        process = psutil.Process(vllm._process.pid)
        children = process.children(recursive=True)
        if victim == "engine":
            next(c for c in children if "EngineCore" in " ".join(c.cmdline())).kill()
        else:
            process.kill()
        down = wait_for(client, 503, 60)
        assert int(down.headers["Retry-After"]) > 0
        refused = client.post("/v1/completions", json=body)
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "engine_unavailable"
        assert client.get("/healthz").status_code == 200
        with pytest.raises(EngineError):
            attached.represent(original, [TEXT])

        wait_for(client, 200, 400)
        # What a killed server leaves behind is ended as well.
        assert not any(c.is_running() and c.status() != psutil.STATUS_ZOMBIE for c in children)
        again = client.post("/v1/completions", json=body)
        assert again.json()["choices"][0]["text"] == text
    assert vllm.represent(original, [TEXT])[0] == pytest.approx(before, abs=1e-5)
    assert attached.represent(original, [TEXT])[0] == pytest.approx(before, abs=1e-5)
