import errno
import logging

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from robustness.errors import (
    CancelledError,
    CorruptFileError,
    EngineError,
    InputError,
    MismatchError,
    MissingIndexError,
    ModelNotFoundError,
    NotFoundError,
    RobustnessError,
    StorageError,
)
from server import errors


@pytest.mark.parametrize(
    ("error", "status", "kind", "code"),
    [
        (InputError("x"), 400, "invalid_request_error", None),
        (NotFoundError("x"), 404, "invalid_request_error", "not_found"),
        (ModelNotFoundError("x"), 404, "invalid_request_error", "model_not_found"),
        (EngineError("x"), 503, "engine_error", "engine_unavailable"),
        (CancelledError("x"), 499, "cancelled", None),
        (StorageError("x"), 503, "server_error", "storage_unavailable"),
        (RobustnessError("x"), 500, "server_error", None),
    ],
)
def test_every_error_of_the_library_has_its_status_and_kind(error, status, kind, code) -> None:
    made, document = errors.document(error)
    assert made == status
    assert document["error"]["type"] == kind
    assert document["error"]["code"] == code
    assert document["error"]["message"] == "x"


def test_only_an_engine_that_may_come_back_says_when_to_retry() -> None:
    assert "retry-after" in errors.reply(EngineError("x")).headers
    assert "retry-after" not in errors.reply(InputError("x")).headers


def test_an_unforeseen_error_keeps_its_details_to_the_log() -> None:
    app = FastAPI()
    errors.install(app)

    @app.get("/")
    def fail() -> None:
        raise RuntimeError("a secret path")

    reply = TestClient(app, raise_server_exceptions=False).get("/")
    assert reply.status_code == 500
    assert "RuntimeError" in reply.json()["error"]["message"]
    assert "secret" not in reply.text


def test_what_is_no_json_and_what_is_nowhere_are_answered_in_the_format(http) -> None:
    headers = {"Content-Type": "application/json"}
    reply = http.post("/v1/completions", content=b"{nonsense", headers=headers)
    assert reply.status_code == 400
    assert "not JSON" in reply.json()["error"]["message"]
    # What curl sends with -d alone.
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = http.post("/v1/completions", content=b'{"prompt": "x"}', headers=headers)
    assert reply.status_code == 400
    assert "Content-Type: application/json" in reply.json()["error"]["message"]
    reply = http.get("/v1/nothing")
    assert reply.status_code == 404
    assert "/v1/nothing" in reply.json()["error"]["message"]
    assert http.get("/v1/completions").status_code == 405


def test_a_missing_key_is_named(http) -> None:
    error = http.post("/v1/completions", json={"model": "tiny-llama"}).json()["error"]
    assert error["param"] == "prompt"
    assert error["message"].startswith("prompt: ")


@pytest.mark.parametrize("kind", [MissingIndexError, MismatchError, CorruptFileError])
def test_what_the_operator_has_to_mend_is_503_and_its_path_is_in_the_log_alone(
    kind, caplog: pytest.LogCaptureFixture
) -> None:
    error = kind("the model has no index at /srv/indexes; build it with: index build")
    with caplog.at_level(logging.ERROR, logger="server.errors"):
        reply = errors.reply(error)
    assert reply.status_code == 503
    told = b"index build" if kind is MissingIndexError else b"its operator"
    assert b"/srv" not in reply.body and told in reply.body
    assert "/srv/indexes; build it with: index build" in caplog.text


def test_a_message_is_of_bounded_length_and_can_be_sent() -> None:
    document = errors.body("no model " + "x" * 1_000_000 + " here", "k", param="\ud800" * 5000)
    message, param = document["error"]["message"], document["error"]["param"]
    assert len(message) < 2000 and message.endswith("x here") and "characters left out" in message
    assert len(param.encode()) < 20_000


def test_a_full_disk_is_503_and_any_other_fault_of_the_system_500() -> None:
    app = FastAPI()
    errors.install(app)

    @app.get("/{number}")
    def fail(number: int) -> None:
        raise OSError(number, "no room", "/srv/secret")

    client = TestClient(app, raise_server_exceptions=False)
    for number, status in ((errno.ENOSPC, 503), (errno.EIO, 500)):
        reply = client.get(f"/{number}")
        assert reply.status_code == status
        assert "secret" not in reply.text


def test_a_megabyte_that_was_sent_does_not_come_back(http) -> None:
    long = "m" * 1_000_000
    for path, body in (
        ("/v1/completions", {"model": long, "prompt": "x"}),
        ("/v1/completions", {"model": "tiny-llama", "prompt": "x", "suffix": long}),
        ("/robustness/v1/predict", {"instruction": "x", long: 1}),
        ("/robustness/v1/predict", {"instruction": "x", "task": long}),
    ):
        reply = http.post(path, json=body)
        assert reply.status_code in (400, 404)
        assert len(reply.content) < 5000


def test_the_description_has_the_errors_format_and_no_other(http) -> None:
    described = http.get("/openapi.json").json()
    for path, operations in described["paths"].items():
        for operation in operations.values():
            assert "422" not in operation["responses"], path
            schema = operation["responses"]["4XX"]["content"]["application/json"]["schema"]
            assert schema["$ref"].endswith("/ErrorReply")
