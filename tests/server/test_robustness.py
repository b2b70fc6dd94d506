"""The robustness API and the health endpoints over HTTP."""

import httpx
import pytest

from robustness.client import RemoteEngine
from robustness.errors import EngineError, NotFoundError
from robustness.transformers_engine import TransformersEngine
from robustness.types import Prompt

TEXT = "Name the room of the person."


def test_a_prediction_has_neighbours_an_interval_and_its_basis(server: str) -> None:
    made = httpx.post(
        f"{server}/robustness/v1/predict", json={"instruction": TEXT, "task": "place", "k": 3}
    ).raise_for_status().json()
    assert len(made["nearest"]) == 3
    assert made["task_source"] == "given"
    assert made["basis"]
    if made["in_support"]:
        assert made["low"] <= made["degradation"] <= made["high"]
    else:
        assert made["degradation"] is None


def test_a_comparison_shows_the_exact_prompt_and_probabilities(server: str) -> None:
    made = httpx.post(
        f"{server}/robustness/v1/compare",
        json={
            "instruction": "Is it good?",
            "input": {"fields": {"text": "fine"}, "options": ["yes", "no"]},
        },
    ).raise_for_status().json()
    assert made["prompt"].startswith("Is it good?\nfine")
    assert sum(made["answers"][0]["option_probabilities"]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"instruction": "", "task": "place"}, 400, "empty"),
        ({"instruction": TEXT, "task": "nowhere"}, 404, "nowhere"),
        ({"instruction": TEXT, "taks": "place"}, 400, "taks"),
        ({}, 400, "instruction"),
    ],
)
def test_a_bad_request_says_what_is_wrong(
    server: str, body: dict[str, object], status: int, says: str
) -> None:
    reply = httpx.post(f"{server}/robustness/v1/predict", json=body)
    assert reply.status_code == status
    assert says in reply.json()["error"]["message"]


def test_health_readiness_and_metrics(server: str) -> None:
    assert httpx.get(f"{server}/healthz").json() == {"status": "ok"}
    ready = httpx.get(f"{server}/readyz").json()
    assert ready["reason"] == "asked for"
    assert ready["models"][0]["calibrated"] is True
    assert "steadfast_requests_total" in httpx.get(f"{server}/metrics").text


def test_a_remote_engine_reads_what_the_local_one_reads(
    server: str, tiny_engine: TransformersEngine
) -> None:
    remote = RemoteEngine(server)
    assert remote.models() == tiny_engine.models()
    model = remote.models()[0].id
    prompts = [
        Prompt(instruction_id="", example_id="", text="Anna is", options=("here", "there now"))
    ]
    far, near = remote.read(model, prompts)[0], tiny_engine.read(model, prompts)[0]
    assert far.option_logprobs.tolist() == pytest.approx(near.option_logprobs.tolist(), abs=1e-6)
    assert far.representation.tolist() == pytest.approx(near.representation.tolist(), abs=1e-6)
    with pytest.raises(NotFoundError, match="nobody"):
        remote.read("nobody", prompts)
    remote.close()


def test_a_remote_engine_says_when_nobody_answers() -> None:
    with pytest.raises(EngineError, match="python -m server"):
        RemoteEngine("http://127.0.0.1:9")
