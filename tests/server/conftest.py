"""A server that really runs, on a free loopback port, with the tiny model."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
import uvicorn

from robustness.transformers_engine import TransformersEngine
from robustness.workbench import Workbench
from server.application import create_app
from server.settings import Settings


@pytest.fixture(scope="session")
def server(
    tmp_path_factory: pytest.TempPathFactory, tiny_engine: TransformersEngine, indexes: Path
) -> Iterator[str]:
    """Address of a running server."""
    jobs = tmp_path_factory.mktemp("jobs")
    app = create_app(Workbench(tiny_engine, indexes=indexes), Settings(jobs=jobs), reason="asked for")
    # The engine is shared with other tests: the application must not close it.
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    running = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", lifespan="off")
    )
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    running.should_exit = True
    thread.join(timeout=10)


@pytest.fixture
def client(server: str) -> Iterator[openai.OpenAI]:
    """The official client."""
    with openai.OpenAI(base_url=f"{server}/v1", api_key="none", max_retries=0) as made:
        yield made


@pytest.fixture(scope="session")
def model(tiny_engine: TransformersEngine) -> str:
    """Id of the original model."""
    return tiny_engine.models()[0].id
