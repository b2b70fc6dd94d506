from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from robustness.workbench import Workbench
from server.application import create_app
from server.settings import Settings


@pytest.fixture
def page(fake, tmp_path: Path):
    """The API with something at `/` that answers everything, as Gradio does."""
    app = create_app(Workbench(fake, indexes=tmp_path), Settings(jobs=tmp_path / "jobs"))
    app.mount("/", FastAPI())
    with TestClient(app, base_url="http://localhost") as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/completions", "POST"), ("POST", "/v1/models", "GET, HEAD"),
        ("HEAD", "/v1/completions", "POST"), ("DELETE", "/docs", "GET, HEAD"),
        ("PUT", "/metrics", "GET, HEAD"), ("PUT", "/openapi.json", "GET, HEAD"),
        ("DELETE", "/v1/models/fake", "GET, HEAD"), ("GET", "/robustness/v1/predict", "POST"),
        ("PUT", "/robustness/v1/jobs/one", "DELETE, GET, HEAD"),
        ("BREW", "/healthz", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_405_and_says_which_are_right(
    page: TestClient, method: str, path: str, allowed: str
) -> None:
    reply = page.request(method, path)
    assert reply.status_code == 405
    assert ", ".join(sorted(reply.headers["allow"].split(", "))) == allowed
    if method != "HEAD":
        assert reply.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("path", ["/v1/nothing", "/robustness/v2/predict"])
def test_a_path_of_the_api_that_is_not_there_is_404_in_its_format(
    page: TestClient, path: str
) -> None:
    reply = page.get(path)
    assert reply.status_code == 404
    assert path in reply.json()["error"]["message"]


def test_liveness_and_readiness_answer_head(page: TestClient) -> None:
    for path in ("/healthz", "/readyz"):
        reply = page.head(path)
        assert (reply.status_code, reply.content) == (200, b"")
