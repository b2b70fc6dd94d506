"""Requests to a real server on loopback: stored, repeated, counted, rejected with a message."""

import subprocess
import sys
from pathlib import Path

import pytest

from robustness.errors import EngineError, InputError
from robustness.paraphrasing.chat_endpoint import Endpoint
from robustness.paraphrasing.token_cost import Prices, Spent, bill
from robustness.storage.result_cache import Journal
from tests.paraphrasing.conftest import Stub


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that the client would have waited."""
    made: list[float] = []
    monkeypatch.setattr("openai._base_client.time.sleep", made.append)
    return made


def endpoint(stub: type[Stub], journal: Path | None = None) -> Endpoint:
    return Endpoint(
        url=stub.url, model="big", key="secret",
        journal=Journal(journal, resume=True) if journal else None,
    )


def test_a_busy_server_is_asked_again_after_longer_and_longer_waits(
    stub: type[Stub], waits: list[float]
) -> None:
    stub.reply, stub.statuses = "fine", [429, 503, 500]
    asked = endpoint(stub)
    assert asked.ask("hello") == "fine"
    assert len(waits) == asked.retries == 3
    assert 0 < waits[0] < waits[1] < waits[2] <= 2.0
    assert asked.now.replies == 1 and len(stub.asked) == 4
    stub.statuses, stub.retry_after = [429], "7"
    asked.ask("again")
    assert waits[-1] == 7.0


def test_it_gives_up_and_says_how_often_it_tried(stub: type[Stub], waits: list[float]) -> None:
    stub.status, stub.reply = 503, "busy"
    with pytest.raises(EngineError, match="answered 503 after 6 attempts"):
        endpoint(stub).ask("hello")
    assert len(waits) == 5
    stub.status = 401
    stub.asked.clear()
    with pytest.raises(EngineError, match="answered 401: "):
        endpoint(stub).ask("hello")
    assert len(stub.asked) == 1


def test_the_environment_changes_neither_the_address_nor_what_is_sent(
    stub: type[Stub], monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.reply = "fine"
    for name, value in {
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_API_KEY": "sk-of-somebody",
        "OPENAI_ADMIN_KEY": "sk-admin", "OPENAI_ORG_ID": "org", "OPENAI_PROJECT_ID": "project",
        "OPENAI_CUSTOM_HEADERS": "X-Mine: leaked\nAuthorization: Bearer leaked",
        "HTTP_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
        monkeypatch.setenv(name.lower(), value)
    assert Endpoint(url=stub.url, model="big", key="secret").ask("hello") == "fine"
    assert Endpoint(url=stub.url, model="big").ask("hello") == "fine"
    assert stub.keys == ["Bearer secret", None]
    for headers in stub.headers_sent:
        names = {name.lower() for name in headers} - {"authorization"}
        assert names <= {
            "host", "accept", "accept-encoding", "connection", "user-agent", "content-type",
            "content-length",
        }
    assert [set(row) for row in stub.asked] == [{"model", "temperature", "messages"}] * 2


def test_a_redirect_is_not_followed(stub: type[Stub]) -> None:
    stub.reply, stub.status, stub.location = "fine", 307, f"{stub.url}/elsewhere"
    with pytest.raises(EngineError, match="answered 307"):
        endpoint(stub).ask("hello")
    assert len(stub.asked) == 1


def test_only_a_command_that_paraphrases_imports_the_client() -> None:
    code = (
        "import sys, robustness.suggestions, robustness.paraphrasing.pipeline; "
        "sys.exit('openai' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_replies_on_disk_are_not_asked_again_and_the_key_is_not_there(
    stub: type[Stub], tmp_path: Path
) -> None:
    stub.reply = lambda message, number: f"{message} {number}"
    stub.usage = {"prompt_tokens": 10, "completion_tokens": 4}
    first = endpoint(stub, tmp_path / "r.jsonl")
    assert [first.ask("a", 1), first.ask("a", 2), first.ask("a", 1)] == ["a 1", "a 2", "a 1"]
    assert first.now == first.all == Spent(replies=2, prompt_tokens=20, completion_tokens=8)
    again = endpoint(stub, tmp_path / "r.jsonl")
    assert again.knows("a", 2) and not again.knows("a", 3)
    assert again.ask("a", 2) == "a 2"
    assert again.now == Spent() and again.all.prompt_tokens == 10
    assert len(stub.asked) == 2
    assert "secret" not in (tmp_path / "r.jsonl").read_text()
    warmer = Endpoint(
        url=stub.url, model="big", temperature=0.9,
        journal=Journal(tmp_path / "r.jsonl", resume=True),
    )
    assert not warmer.knows("a", 2)


def test_tokens_that_are_not_counted_are_not_guessed(stub: type[Stub]) -> None:
    stub.reply = "fine"
    asked = endpoint(stub)
    asked.ask("hello")
    assert asked.now == Spent(replies=1, uncounted=1)
    prices = Prices(prompt=2.0, completion=8.0)
    unknown = bill(asked.now, asked.all, retries=0, kept=1, prices=prices)
    assert (unknown.tokens_per_paraphrase, unknown.money_behind) == (None, None)
    spent = Spent(replies=1, prompt_tokens=500_000, completion_tokens=250_000)
    made = bill(spent, spent, retries=0, kept=10, prices=prices)
    assert (made.tokens_per_paraphrase, made.money_now) == (75_000.0, 3.0)


@pytest.mark.parametrize("reply", [None, ["parts"]])
def test_a_reply_of_another_form_is_named(stub: type[Stub], reply: object) -> None:
    stub.reply = reply  # type: ignore[assignment]
    with pytest.raises(EngineError, match="does not answer as OpenAI's API does"):
        endpoint(stub).ask("hello")


def test_what_cannot_be_asked_is_refused_before(stub: type[Stub]) -> None:
    with pytest.raises(InputError, match="--paraphraser-model"):
        Endpoint(url=stub.url, model="")
    with pytest.raises(InputError, match="temperature"):
        Endpoint(url=stub.url, model="m", temperature=-1)
    for url in ("nowhere", "ftp://host/v1", "http://", "http://[::1/v1"):
        with pytest.raises(InputError, match="not an address"):
            Endpoint(url=url, model="m")
    with pytest.raises(EngineError, match=r"does not answer: .*refused"):
        Endpoint(url="http://127.0.0.1:9/v1", model="m", attempts=1).ask("hello")
