import json
import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from robustness import evidence
from robustness.cli.render import evidence as render_evidence
from robustness.cli.replay import replay
from robustness.errors import CorruptFileError, MismatchError
from robustness.types import Example
from robustness.wording import Asked
from robustness.workbench import Workbench

ASKED = Asked(instruction="{text}\nSay which topic this has, please.", task="scene_topic")
OWN = Asked(
    instruction="Which animal is it?",
    inputs=(Example(task="own", fields={"text": "It barks."}, options=("dog", "cat")),),
)


@pytest.fixture
def made(workbench: Workbench, indexes: Path) -> dict:
    return evidence.record(workbench, ASKED, indexes=indexes)


def verdicts(document: dict, indexes: Path) -> dict[str, bool]:
    _, checks = evidence.replay(json.dumps(document), indexes=indexes)
    return {check.what: check.ok for check in checks}


def test_what_is_shown_follows_from_the_recorded_readings_without_a_model(
    made: dict, indexes: Path
) -> None:
    document, checks = evidence.replay(evidence.text_of(made), indexes=indexes)
    assert [c.what for c in checks] == ["content", "look", "rungs", "answers", "measured"]
    assert all(c.ok for c in checks), checks
    assert document["shown"]["look"]["prediction"]["task"] == "scene_topic"
    assert document["provenance"]["versions"]["torch"]
    assert document["models"][0]["spec"]["revision"]


def test_an_own_question_is_replayed(workbench: Workbench, indexes: Path) -> None:
    made = evidence.record(workbench, OWN, indexes=indexes)
    assert verdicts(made, indexes) == {"content": True, "look": True, "answers": True}


def test_a_changed_number_is_found_even_with_a_fresh_hash(made: dict, indexes: Path) -> None:
    made["shown"]["measured"][0]["accuracy"] += 1.0
    assert verdicts(made, indexes)["content"] is False
    made["sha256"] = evidence._hash(made)
    found = verdicts(made, indexes)
    assert found.pop("measured") is False
    assert all(found.values())


def test_a_changed_reading_is_found(made: dict, indexes: Path) -> None:
    for row in made["readings"]["tiny-llama"].values():
        row["option_logprobs"].reverse()
    found = verdicts(made, indexes)
    assert not found["answers"]


def test_a_changed_prompt_has_no_reading(made: dict, indexes: Path) -> None:
    made["asked"]["instruction"] += " Now."
    _, checks = evidence.replay(json.dumps(made), indexes=indexes)
    assert "no reading of this prompt" in checks[1].reason


def test_without_the_index_the_file_says_that_it_cannot_be_computed(
    made: dict, tmp_path: Path
) -> None:
    _, checks = evidence.replay(json.dumps(made), indexes=tmp_path)
    look = next(c for c in checks if c.what == "look")
    assert not look.ok
    assert "cannot be computed" in look.reason


def test_what_is_no_evidence_is_refused() -> None:
    with pytest.raises(CorruptFileError, match="not JSON"):
        evidence.replay("{")
    with pytest.raises(CorruptFileError, match="no evidence file"):
        evidence.replay("{}")
    with pytest.raises(MismatchError, match="schema 9"):
        evidence.replay(json.dumps({"kind": evidence.KIND, "schema": 9}))
    with pytest.raises(CorruptFileError, match="damaged"):
        evidence.replay(json.dumps({"kind": evidence.KIND, "schema": 1}))


@pytest.mark.parametrize("kind", ["deep", "half a character", "short", "digits", "empty"])
def test_whatever_a_file_holds_it_is_refused_or_checked(
    made: dict, indexes: Path, kind: str
) -> None:
    text = json.dumps(made)
    if kind == "deep":
        text = "[" * 100_000
    elif kind == "half a character":
        text = json.dumps(made | {"note": "\ud800"})
    elif kind == "digits":
        text = text.replace('"seed": 0', '"seed": ' + "9" * 5000)
        assert "9" * 5000 in text
    elif kind == "empty":
        text = json.dumps(made | {"shown": [], "sha256": evidence._hash(made | {"shown": []})})
    else:
        for row in made["readings"]["tiny-llama"].values():
            row["representation"] = row["representation"][:3]
            row["option_logprobs"] = []
        text = json.dumps(made | {"sha256": evidence._hash(made)})
    try:
        _, checks = evidence.replay(text, indexes=indexes)
    except CorruptFileError:
        return
    assert not all(check.ok for check in checks)


@pytest.mark.parametrize(
    "key",
    [
        "asked", "engine", "index", "models", "prompts", "provenance", "readings", "schema",
        "seed", "sha256", "shown", "asked.inputs", "asked.instruction", "readings.tiny-llama",
        "shown.look", "models.0",
    ],
)
def test_a_damaged_file_is_told_in_words_of_the_file(
    made: dict, indexes: Path, key: str
) -> None:
    *above, last = [int(part) if part.isdigit() else part for part in key.split(".")]
    place = made
    for part in above:
        place = place[part]
    place[last] = None
    try:
        _, checks = evidence.replay(json.dumps(made), indexes=indexes)
    except (CorruptFileError, MismatchError) as error:
        assert not re.search(r"\w(Error|Exception)\b|NoneType|instance of", str(error)), error
        assert key.partition(".")[0] in str(error)
    else:
        assert not all(check.ok for check in checks)


def test_an_abstention_is_rendered_without_an_interval(made: dict, indexes: Path) -> None:
    look = made["shown"]["look"]
    look["usual"] = None
    look["prediction"] |= {"degradation": None, "low": None, "high": None}
    text = render_evidence.evidence(*evidence.replay(json.dumps(made), indexes=indexes))
    assert "Predicted degradation: no number\n" in text
    assert "Usual wordings: not measured\n" in text
    assert "points" not in text


def test_the_command_says_what_holds_and_fails_where_something_does_not(
    made: dict, indexes: Path, tmp_path: Path
) -> None:
    app = typer.Typer()
    app.command()(replay)
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(evidence.text_of(made), encoding="utf-8")
    made["shown"]["look"]["usual"] = 12.0
    bad.write_text(evidence.text_of(made), encoding="utf-8")
    run = CliRunner().invoke(app, [str(good), "--indexes", str(indexes)])
    assert run.exit_code == 0, run.output
    assert "ok     look" in run.output
    run = CliRunner().invoke(app, [str(bad), "--indexes", str(indexes)])
    assert isinstance(run.exception, MismatchError)
    assert "FAILED look" in run.output
