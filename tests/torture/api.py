"""Requests made by schemathesis from /openapi.json, on every endpoint.

Half of them fit the description and half do not; of those that fit, most are given a model, a task
and a job that exist, so that replies of status 200 are compared with their description, too.
"""

import random
import time
import warnings
from typing import Any

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks

from tests.torture.outcome import CRASHES, UNANSWERED, Outcome
from tests.torture.server_process import Running, running

_TASKS = ("subjectivity", "scene_topic")
_TABLE = b"instruction,input,options\nGood or bad?,a warm film,good|bad\n,,\n"
_LONGER = _TABLE + b"Good or bad?,a warm film,good|bad\n" * 20
_SECONDS = 60
_SENT = "requests"
_ENDINGS = (".csv", ".jsonl", ".json", ".parquet", "")
_OWN = {"fields": {"text": "The soup was cold."}, "options": ["good", "bad"]}
_CHECKS = [
    checks.status_code_conformance, checks.content_type_conformance,
    checks.response_schema_conformance,
]


class _World:
    """What exists on the server: models, and jobs in each state."""

    def __init__(self, client: httpx.Client, start: int) -> None:
        self._client = client
        self._random = random.Random(start)
        self.models = [m["id"] for m in client.get("/v1/models").json()["data"]]
        self._jobs: list[str] = []

    def model(self) -> str:
        """A served model."""
        return self._random.choice(self.models)

    def job(self) -> str:
        """A job; a new one now and then."""
        if len(self._jobs) < 3 or self._random.random() < 0.1:
            reply = self._client.post("/robustness/v1/jobs", files={"file": ("x.csv", _TABLE)})
            if reply.status_code == 202:
                self._jobs.append(reply.json()["id"])
                time.sleep(0.05)
        return self._random.choice(self._jobs[-6:]) if self._jobs else "none"

    def cancelled(self) -> str:
        """A new job that is cancelled at once."""
        reply = self._client.post("/robustness/v1/jobs", files={"file": ("x.csv", _LONGER)})
        if reply.status_code != 202:
            return self.job()
        job = str(reply.json()["id"])
        self._client.delete(f"/robustness/v1/jobs/{job}")
        return job

    def fill(self, body: dict[str, Any]) -> dict[str, Any]:
        """A body with values that exist, and little work."""
        known = {"model": self.model(), "task": self._random.choice(_TASKS)}
        body = body | {key: value for key, value in known.items() if key in body}
        for key, most in (("max_tokens", 4), ("max_completion_tokens", 4), ("limit", 8)):
            if isinstance(body.get(key), int):
                body[key] = 1 + abs(body[key]) % most
            elif key in ("max_tokens", "limit") and key in body:
                body[key] = 2
        if "messages" in body:
            body["messages"] = [{"role": "user", "content": "Is it red?"}]
        if "models" in body:
            body["models"] = self.models[:2]
        if body.get("inputs"):
            body["inputs"], body["task"] = [_OWN], None
        elif "inputs" in body:
            body["task"] = known["task"]
        if body.get("input") and isinstance(body["input"], dict):
            body["input"], body["task"] = _OWN, None
        for key in ("label_words", "stop", "seed", "n", "stream_options"):
            if self._random.random() < 0.8:
                body.pop(key, None)
        return body


def _short(body: Any) -> Any:
    """Bounds the length of generated text, so that no request runs for minutes."""
    if isinstance(body, dict):
        for key in ("max_tokens", "max_completion_tokens", "max_output_tokens", "n"):
            if isinstance(body.get(key), int) and body[key] > 4:
                body[key] = 4
        if "input" in body and "max_output_tokens" in body:
            body["max_output_tokens"] = body["max_output_tokens"] or 4
        if "messages" in body and not body.get("max_tokens"):
            body["max_tokens"] = 4
    return body


def _upload(draw_suffix: str, body: Any) -> dict[str, Any]:
    content = body.get("file", b"") if isinstance(body, dict) else b""
    if isinstance(content, str):
        content = content.encode("utf-8", "replace")
    return {"files": {"file": (f"x{draw_suffix}", content or _TABLE)}}


def run(*, number: int, start: int) -> Outcome:
    """Sends the requests to a server of its own.

    Args:
        number: How many requests, over all endpoints.
        start: The seed.
    """
    warnings.filterwarnings("ignore")
    outcome = Outcome(
        "requests made by schemathesis", f"{number} requests", (CRASHES, UNANSWERED)
    )
    with running() as server, server.client(_SECONDS) as client:
        schema = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
        world = _World(client, start)
        operations = [found.ok() for found in schema.get_all_operations()]
        wanted, turn = set(range(len(operations))), 0
        while wanted and outcome.counts[_SENT] < number:
            # Endpoints without parameters have few requests; the others get what they leave.
            share = -(-(number - outcome.counts[_SENT]) // (2 * len(wanted)))
            for place in sorted(wanted):
                operation, sent = operations[place], outcome.counts[_SENT]
                good = outcome.counts["status 200"]
                for mode in GenerationMode:
                    _send(server, client, world, operation, mode, share, start + turn, outcome)
                if outcome.counts[_SENT] - sent < 2 * share:
                    wanted.discard(place)
                if turn == 0 and outcome.counts["status 200"] == good:
                    outcome.fault(f"{operation.label}: no reply of status 200")
            turn += 1
        outcome.counts["endpoints"] = len(operations)
        outcome.done = f"{outcome.counts.pop(_SENT)} requests"
        if client.get("/readyz").status_code != 200 or server.process.poll() is not None:
            outcome.fault("the server is not ready afterwards", CRASHES)
        if found := server.log.read_text().count("Traceback"):
            outcome.fault(f"{found} tracebacks in the log: {server.log.read_text()[-1500:]}")
    return outcome


def _send(
    server: Running, client: httpx.Client, world: _World, operation: Any, mode: GenerationMode,
    number: int, start: int, outcome: Outcome,
) -> None:
    strategy = operation.as_strategy(generation_mode=mode)

    @seed(start)
    @settings(
        max_examples=number, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy, st.integers(0, 9), st.sampled_from(_ENDINGS))
    def one(case: Any, turn: int, suffix: str) -> None:
        outcome.counts[_SENT] += 1
        filled = mode is GenerationMode.POSITIVE and turn < 8
        if filled and "job_id" in (case.path_parameters or {}):
            ended = "retry" in operation.label or (case.query or {}).get("remove")
            case.path_parameters["job_id"] = world.cancelled() if ended else world.job()
        if filled and "model" in (case.path_parameters or {}):
            case.path_parameters["model"] = world.model()
        if filled and isinstance(case.body, dict) and case.media_type == "application/json":
            case.body = world.fill(dict(case.body))
        elif case.media_type == "application/json":
            case.body = _short(case.body)
        try:
            if case.media_type == "multipart/form-data" and mode is GenerationMode.POSITIVE:
                sent = _upload(suffix if turn < 5 else ".csv", case.body)
                reply = client.post(case.formatted_path, **sent)
                reply.request.read()  # its check looks at what was sent
            else:
                reply = case.call(base_url=server.url, timeout=_SECONDS)
        except Exception as error:
            told = f"{operation.label}: {type(error).__name__}: {error}"
            outcome.fault(told, UNANSWERED)
            return
        status = reply.status_code
        outcome.counts[f"status {200 if status == 202 else status}"] += 1
        if status >= 500:
            told = f"{operation.label}: {status}: {reply.text[:500]} for {str(case.body)[:500]!r}"
            outcome.fault(told, CRASHES)
        try:
            case.validate_response(reply, checks=_CHECKS)
        except FailureGroup as found:
            for failure in found.exceptions:
                outcome.counts["replies unlike their description"] += 1
                outcome.fault(f"{operation.label}: {status}: {failure}"[:1500])
        except Exception as failure:
            outcome.counts["replies unlike their description"] += 1
            outcome.fault(f"{operation.label}: {status}: {failure}"[:1500])

    try:
        one()
    except Unsatisfiable:
        # An endpoint without parameters has no request that does not fit.
        _send(server, client, world, operation, GenerationMode.POSITIVE, number, start, outcome)
