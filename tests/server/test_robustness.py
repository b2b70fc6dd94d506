import json

import pytest

from robustness.workbench import Workbench

OWN = {"fields": {"text": "The soup was cold."}, "options": ["good", "bad"]}


def test_the_tasks_come_without_their_inputs(http) -> None:
    rows = http.get("/robustness/v1/tasks").json()["tasks"]
    assert rows[0]["trained"]
    assert "place" in [row["id"] for row in rows]
    assert all("examples" not in row for row in rows)


def test_a_prediction_is_the_librarys(http, aligned_engine, indexes) -> None:
    reply = http.post(
        "/robustness/v1/predict",
        json={"instruction": "Say which topic the text has.", "task": "scene_topic", "k": 3},
    ).json()
    made = Workbench(aligned_engine, indexes=indexes).predict(
        "Say which topic the text has.", task="scene_topic", k=3
    )
    assert reply["task_source"] == "given"
    assert [n["instruction_id"] for n in reply["nearest"]] == [
        n.instruction_id for n in made.nearest
    ]
    assert reply["nearest"][0]["distance"] == pytest.approx(made.nearest[0].distance, rel=1e-4)
    assert reply["degradation"] == made.degradation
    assert reply["tier"] == "distance"
    assert reply["basis"]
    if reply["in_support"]:
        assert reply["low"] <= reply["degradation"] <= reply["high"]
    else:
        assert reply["degradation"] is None


def test_user_inputs_and_none_have_their_own_source(http) -> None:
    own = http.post(
        "/robustness/v1/predict", json={"instruction": "Good or bad?", "inputs": [OWN]}
    )
    assert own.json()["task_source"] == "inputs"
    none = http.post("/robustness/v1/predict", json={"instruction": "Where is {name}? {story}"})
    assert none.json()["task_source"] == "inferred"


def test_the_comparison_shows_both_models_on_the_exact_prompt(http) -> None:
    made = http.post(
        "/robustness/v1/compare", json={"instruction": "Which topic?", "task": "scene_topic"}
    ).json()
    assert [a["model"] for a in made["answers"]] == ["tiny-llama", "tiny-llama+random"]
    assert made["prompt"].startswith("Which topic?")
    for answer in made["answers"]:
        assert sum(answer["option_probabilities"]) == pytest.approx(1.0)
    assert made["agree"] == (len({a["option"] for a in made["answers"]}) == 1)


def test_an_input_of_the_persons_own_is_laid_out_below_the_instruction(http) -> None:
    asked = {
        "instruction": "Is it good?",
        "input": {"fields": {"text": "fine"}, "options": ["yes", "no"]},
    }
    made = http.post("/robustness/v1/compare", json=asked).json()
    assert made["prompt"].startswith("Is it good?\nfine")
    assert made["options"] == ["yes", "no"]


def test_an_input_of_a_task_takes_the_tasks_options(http) -> None:
    asked = {
        "instruction": "Which topic?", "task": "scene_topic",
        "input": {"fields": {"text": "They cooked rice."}},
    }
    made = http.post("/robustness/v1/compare", json=asked).json()
    assert made["options"] == ["food", "sport", "music", "travel", "work"]
    assert "They cooked rice." in made["prompt"]


def test_a_measurement_has_its_interval(http) -> None:
    made = http.post(
        "/robustness/v1/measure",
        json={"instruction": "Which topic?", "task": "scene_topic", "limit": 8},
    ).json()
    assert made["n"] == 8
    assert 0 <= made["accuracy_low"] <= made["accuracy"] <= made["accuracy_high"] <= 100
    assert made["low"] <= made["degradation"] <= made["high"]


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("predict", {"instruction": "  ", "task": "place"}, 400, "empty"),
        ("predict", {"instruction": "x", "task": "nothing"}, 404, "nothing"),
        ("predict", {"instruction": "x", "task": "place", "model": "gpt"}, 404, "no model 'gpt'"),
        ("predict", {"instruction": "x", "tsak": "place"}, 400, "tsak"),
        ("predict", {"instruction": "x", "task": "place", "inputs": [OWN]}, 400, "not both"),
        ("predict", {"instruction": "x", "k": 0}, 400, "k: "),
        ("predict", {"instruction": "x", "probe": "many"}, 400, "probe"),
        ("predict", {"instruction": "x", "probe": -1}, 400, "probe"),
        (
            "predict", {"instruction": "x", "task": "scene_topic", "probe": "auto", "labelled": 4},
            400, "one or the other",
        ),
        ("predict", {}, 400, "instruction"),
        ("compare", {"instruction": "x"}, 400, "task"),
        (
            "compare",
            {"instruction": "x", "task": "place", "input": {"fields": {"text": "a"}}},
            400,
            "story, name",
        ),
        (
            "compare",
            {"instruction": "x", "input": OWN | {"answer": "ugly"}},
            400,
            "'ugly' is not among the options good, bad",
        ),
        ("compare", {"instruction": "x", "task": "place", "models": ["gpt"]}, 404, "no model"),
        ("measure", {"instruction": "Read {x}", "task": "place"}, 400, "{x}"),
        ("read", {"model": "gpt", "prompts": [{"text": "x"}]}, 404, "no model"),
    ],
)
def test_a_mistake_is_answered_with_what_is_wrong(http, path, body, status, words) -> None:
    reply = http.post(f"/robustness/v1/{path}", json=body)
    assert reply.status_code == status
    assert words in reply.json()["error"]["message"]


def test_a_server_reads_no_task_file(http, tmp_path) -> None:
    path = tmp_path / "task.json"
    path.write_text("{}")
    reply = http.post("/robustness/v1/predict", json={"instruction": "x", "task": str(path)})
    assert reply.status_code == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/robustness/v1/predict", {"instruction": "\ud800"}),
        ("/robustness/v1/measure", {"instruction": "\ud800", "task": "place"}),
        ("/robustness/v1/compare", {"instruction": "x", "input": OWN | {"answer": "\ud800"}}),
        ("/robustness/v1/count_tokens", {"model": "tiny-llama", "texts": ["\ud800"]}),
        ("/robustness/v1/read", {"model": "tiny-llama", "prompts": [{"text": "\ud800"}]}),
        ("/robustness/v1/chat_prompt", {"model": "tiny-llama", "messages": []}),
        ("/v1/embeddings", {"model": "tiny-llama", "input": "\ud800"}),
        ("/v1/completions", {"model": "tiny-llama", "prompt": "\ud800", "stream": True}),
        ("/v1/responses", {"model": "tiny-llama", "input": "\ud800"}),
        (
            "/v1/chat/completions",
            {"model": "tiny-llama", "messages": [{"role": "user", "content": "\ud800"}]},
        ),
        ("/v1/chat/completions", {"model": "tiny-llama", "messages": []}),
    ],
)
def test_the_clients_fault_is_never_the_servers(http, path: str, body: dict) -> None:
    # Written as the escape \ud800, which is JSON, though no text in UTF-8.
    reply = http.post(path, content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert reply.status_code == 400
    assert reply.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("text", ["x", "{text}\n{options}", "Options: {options} Which letter?"])
def test_more_options_than_letters_are_read_or_refused(http, text: str) -> None:
    many = OWN | {"options": [str(number) for number in range(27)]}
    for path, body in (("predict", {"inputs": [many]}), ("compare", {"input": many})):
        reply = http.post(f"/robustness/v1/{path}", json=body | {"instruction": text})
        assert reply.status_code in (200, 400), reply.text
        if reply.status_code == 400:
            assert reply.json()["error"]["type"] == "invalid_request_error"


def test_a_model_without_an_index_is_503_and_names_no_folder(http, indexes) -> None:
    reply = http.post(
        "/robustness/v1/predict", json={"instruction": "x", "model": "tiny-llama+random"}
    )
    assert reply.status_code == 503
    assert reply.json()["error"]["code"] == "index_unavailable"
    assert str(indexes) not in reply.text
    assert str(indexes) not in http.get("/readyz").text
