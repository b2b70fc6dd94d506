import json

import httpx
import pytest

from robustness import paths, wording
from robustness.paraphrasing import surface
from robustness.storage import files
from robustness.workbench import Workbench

ASKED = {"instruction": "{text}\nName the topic, please.", "task": "scene_topic"}
OWN = {"instruction": "Which animal is it?", "text": "It barks.", "options": ["dog", "cat"]}


def lines(reply: httpx.Response) -> list[dict]:
    return [json.loads(line) for line in reply.text.splitlines()]


def test_the_state_names_the_models_their_skill_and_the_public_address(
    page_http: httpx.Client,
) -> None:
    found = page_http.get("/page/v1/state").json()
    assert found["ready"] and found["original"] == "tiny-llama"
    assert found["aligned"] == ["tiny-llama+random"]
    assert found["public"] == "https://x.y"
    assert found["key"] is False and set(found["commands"]) == {"tiny-llama", "tiny-llama+random"}
    assert {r["kind"] for r in found["skills"]} >= {"distance", "probes"}


def test_the_card_is_that_of_the_served_model(page_http: httpx.Client) -> None:
    assert page_http.get("/page/v1/card.md").text == (paths.BACKBONE / "CARD.md").read_text("utf-8")


def test_a_wording_has_the_prediction_of_the_api_with_its_map_and_prompt(
    page_http: httpx.Client, workbench: Workbench
) -> None:
    found = page_http.post("/page/v1/wording", json=ASKED).json()
    made = workbench.predict(ASKED["instruction"], task="scene_topic")
    assert found["prediction"] == files.plain(made)
    assert len(found["map"]["points"]) == len(found["map"]["ids"])
    assert found["chance"] == pytest.approx(20.0)
    assert "Name the topic, please." in found["prompt"]["text"]


def test_an_own_question_is_predicted_and_answered(page_http: httpx.Client) -> None:
    found = page_http.post("/page/v1/wording", json=OWN).json()
    assert found["usual"] is None and found["map"] is None
    assert "It barks." in found["prompt"]["text"]
    answers = page_http.post("/page/v1/answers", json=OWN).json()
    assert answers["models"] == ["tiny-llama", "tiny-llama+random"]
    (question,) = answers["questions"]
    assert question["comparison"]["answers"][0]["option"] in ("dog", "cat")


def test_an_own_question_without_options_has_a_prompt_and_says_what_answers_need(
    page_http: httpx.Client,
) -> None:
    asked = OWN | {"options": []}
    assert "It barks." in page_http.post("/page/v1/wording", json=asked).json()["prompt"]["text"]
    reply = page_http.post("/page/v1/answers", json=asked)
    assert reply.status_code == 400
    assert "two options" in reply.json()["error"]["message"]


def test_an_address_too_long_for_a_qr_code_is_the_clients_error(page_http: httpx.Client) -> None:
    for text in ("x" * 1501, "€" * 1500, ""):
        reply = page_http.get("/page/v1/qr.svg", params={"text": text})
        assert reply.status_code == 400
        assert reply.json()["error"]["message"].startswith("text: ")
    assert page_http.get("/page/v1/qr.svg", params={"text": "€" * 700}).status_code == 200


@pytest.mark.parametrize(
    "change", [{"instruction": " "}, {"task": "nothing"}, {"model": "nobody"}, {"wrong": 1}]
)
def test_what_cannot_be_asked_is_an_error_in_words(page_http: httpx.Client, change: dict) -> None:
    reply = page_http.post("/page/v1/wording", json=ASKED | change)
    assert 400 <= reply.status_code < 500
    assert reply.json()["error"]["message"]


def test_a_measurement_comes_rung_by_rung_and_ends_in_both_models(
    page_http: httpx.Client,
) -> None:
    rows = lines(page_http.post("/page/v1/measure", json=ASKED))
    kinds = [next(iter(row)) for row in rows]
    assert kinds.index("rung") < kinds.index("progress") < kinds.index("measured")
    measured = [row["measured"] for row in rows if "measured" in row]
    assert [m["model"] for m in measured] == ["tiny-llama", "tiny-llama+random"]
    assert all(m["accuracy_low"] <= m["accuracy"] <= m["accuracy_high"] for m in measured)


def test_an_error_while_measuring_is_the_last_line(page_http: httpx.Client) -> None:
    rows = lines(page_http.post("/page/v1/measure", json={"instruction": "Which topic?"}))
    assert "choose a task" in rows[-1]["error"]["message"]


def test_reliance_is_measured_with_progress(page_http: httpx.Client) -> None:
    rows = lines(page_http.post("/page/v1/reliance", json=ASKED | {"limit": 16}))
    assert "progress" in rows[0]
    kinds = {row["kind"] for row in rows[-1]["reliance"]["rows"]}
    assert {"given", "empty", "negated"} <= kinds


def test_rewordings_come_with_their_predictions(page_http: httpx.Client) -> None:
    found = page_http.post("/page/v1/advise", json=ASKED).json()
    assert found["rewordings"][0]["prediction"]["task"] == "scene_topic"
    assert found["usual"] is not None


def test_both_models_write(page_http: httpx.Client) -> None:
    rows = lines(page_http.post("/page/v1/write", json=ASKED | {"max_tokens": 3}))
    assert {row["model"] for row in rows} == {0, 1}


def test_an_evidence_file_is_made_and_replayed(page_http: httpx.Client) -> None:
    made = page_http.post("/page/v1/evidence", json=ASKED).text
    found = page_http.post("/page/v1/replay", content=made).json()
    assert [c["ok"] for c in found["checks"]] == [True] * 5
    assert found["asked"]["instruction"] == ASKED["instruction"]
    changed = json.loads(made)
    changed["shown"]["measured"][0]["accuracy"] = 99.0
    found = page_http.post("/page/v1/replay", content=json.dumps(changed)).json()
    assert {c["what"] for c in found["checks"] if not c["ok"]} == {"content", "measured"}
    for text in (json.dumps({"kind": json.loads(made)["kind"], "schema": 9}), "[" * 100_000, "{}"):
        assert page_http.post("/page/v1/replay", content=text).status_code == 400


def test_a_qr_code_is_svg_made_here(page_http: httpx.Client) -> None:
    reply = page_http.get("/page/v1/qr.svg", params={"text": "http://127.0.0.1/?w=a&t=place"})
    assert reply.headers["content-type"] == "image/svg+xml"
    assert reply.text.startswith("<svg") and "http://www.w3.org/2000/svg" in reply.text
    assert page_http.get("/page/v1/qr.svg", params={"text": "x" * 5000}).status_code == 400


def test_a_surface_rule_changes_a_wording_as_the_library_does(
    page_http: httpx.Client, workbench: Workbench
) -> None:
    asked = ASKED | {"instruction": "Read the text. Say whether it is about food.\n{text}"}
    found = page_http.post("/page/v1/perturbed", json=asked | {"rule": "no_stop_words"}).json()
    task = workbench.task("scene_topic")
    given = workbench.instruction(asked["instruction"], task)
    (rule,) = surface.chosen(["no_stop_words"])
    made = surface.perturb(given, rule, seed=wording.SEED, options=task.options)
    assert made is not None and found == {"text": made.text}
    assert made.text == "Read text. Say whether about food.\n{text}"
    nothing = page_http.post("/page/v1/perturbed", json=asked | {"rule": "letters_or_words"})
    assert nothing.json() == {"text": None}
    reply = page_http.post("/page/v1/perturbed", json=asked | {"rule": "shout"})
    assert reply.status_code == 400 and "no perturbation 'shout'" in reply.text
