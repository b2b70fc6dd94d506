import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from robustness.storage.limits import Limits
from robustness.workbench import Workbench
from server.application import create_app
from server.settings import Settings

LIMITS = Limits(options=3, rows=5, prompts=3, advice="--max-{name}")


@pytest.fixture(scope="module")
def address(aligned_engine, indexes, tmp_path_factory, serve) -> Iterator[str]:
    settings = Settings(
        jobs=tmp_path_factory.mktemp("limited"), largest_body=2_000, largest_upload=1_000,
        limits=LIMITS,
    )
    with serve(create_app(Workbench(aligned_engine, indexes=indexes), settings)) as made:
        yield made


@pytest.fixture(scope="module")
def limited(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
        yield client


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_above_the_limit_is_refused_with_the_options_name(limited, chunked) -> None:
    text = b'{"model": "m", "prompt": "' + b"x" * 3_000 + b'"}'
    reply = limited.post(
        "/v1/completions", content=iter([text[:10], text[10:]]) if chunked else text,
        headers={"Content-Type": "application/json"},
    )
    assert reply.status_code == 400
    assert "larger than 2000 bytes" in reply.json()["error"]["message"]
    assert "--max-body or $STEADFAST_MAX_BODY" in reply.json()["error"]["message"]


def test_a_large_upload_is_refused_before_it_is_sent(address: str) -> None:
    parts = urlsplit(address)
    head = (
        "POST /robustness/v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 900000000\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    )
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as line:
        line.sendall(head.encode())
        assert line.recv(100).startswith(b"HTTP/1.1 400")


def test_options_rows_and_prompts_of_a_request_are_limited(limited) -> None:
    model = limited.get("/v1/models").json()["data"][0]["id"]
    asked = {"model": model, "prompts": [{"text": "a", "options": ["a", "b", "c", "d"]}]}
    reply = limited.post("/robustness/v1/read", json=asked)
    assert (reply.status_code, "--max-options" in reply.text) == (400, True)
    for table, option in (
        (b"instruction\n" + b"a\n" * 6, "--max-rows"),
        (b"instruction\n" + b"Where is it?\n" * 5, "--max-prompts"),
    ):
        reply = limited.post("/robustness/v1/jobs", files={"file": ("x.csv", table)})
        assert (reply.status_code, option in reply.text) == (400, True), reply.text
