import re

import httpx

from robustness.errors import EngineError


def test_a_ready_server_says_what_answers_and_what_is_calibrated(http) -> None:
    assert http.get("/healthz").json() == {"status": "ok"}
    ready = http.get("/readyz").json()
    assert ready["status"] == "ready"
    assert ready["engine"] == "transformers on cpu"
    assert ready["reason"] == "a test"
    (left,) = ready["withheld"]
    assert left == {"id": "tiny-llama+lora", "reason": "not on this engine: lora"}
    original, aligned = ready["models"]
    assert original == {
        "id": "tiny-llama", "scorer": "packed", "indexed": True, "calibrated": True,
    }
    assert not aligned["indexed"]
    assert "index" in aligned["reason"]


def test_a_server_whose_engine_does_not_answer_is_alive_and_not_ready(fake, fake_url: str) -> None:
    fake.problem = EngineError("the device is lost")
    with httpx.Client(base_url=fake_url, trust_env=False) as http:
        assert http.get("/healthz").status_code == 200
        reply = http.get("/readyz")
        assert reply.status_code == 503
        assert reply.json()["problem"] == "the device is lost"


def test_metrics_count_requests_by_route_and_generated_tokens(fake_url: str) -> None:
    with httpx.Client(base_url=fake_url, trust_env=False) as http:
        http.get("/robustness/v1/jobs/one")
        http.get("/robustness/v1/jobs/two")
        http.post("/v1/completions", json={"model": "fake", "prompt": "x", "max_tokens": 4})
        reply = http.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain")
    line = 'steadfast_requests_total{method="GET",path="/robustness/v1/jobs/{job_id}",status="404"}'
    assert f"{line} 2.0" in reply.text
    assert 'steadfast_tokens_total{kind="completion",model="fake"} 4.0' in reply.text
    assert 'steadfast_tokens_total{kind="prompt",model="fake"} 3.0' in reply.text
    assert "steadfast_generations_running 0.0" in reply.text


def test_the_description_of_the_api_needs_nothing_from_the_network(http) -> None:
    described = http.get("/docs")
    assert described.headers["content-type"].startswith("text/html")
    assert "openapi.json" in described.text
    # Nothing but the document of the API itself is asked for.
    assert re.findall(r'(?:src|href)="([^"]*)"', described.text) == ["data:,", "openapi.json"]
    assert http.get("/openapi.json").json()["info"]["title"] == "Steadfast"
