"""Who comes in, what belongs to whom, and how much one client may ask for."""

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from openai import AuthenticationError, OpenAI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from robustness.workbench import Workbench
from server import clients, gate, login
from server.access import Access
from server.application import create_app
from server.settings import Settings

ANNA, BEN = "a" * 24, "b" * 24
TABLE = b"instruction,input,options\nGood or bad?,Cold.,good|bad\n"
JOBS = "/robustness/v1/jobs"


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def api(workbench: Workbench, tmp_path: Path) -> Iterator[Callable[..., TestClient]]:
    """Makes a server with settings; its clients have an address."""
    opened: list[TestClient] = []

    def make(*, address: str = "203.0.113.5", **given) -> TestClient:
        settings = Settings(jobs=tmp_path / f"jobs{len(opened)}", **given)
        app = create_app(workbench, settings)
        client = TestClient(app, base_url="http://localhost", client=(address, 5))
        client.__enter__()
        opened.append(client)
        return client

    yield make
    for client in opened:
        client.__exit__()


def metric(client: TestClient, reason: str, **headers) -> float:
    text = client.get("/metrics", **headers).text
    name = "jobs_refused_total" if reason == "jobs" else f'refused_total{{reason="{reason}"}}'
    found = re.search(rf"^steadfast_{re.escape(name)} (\S+)", text, re.M)
    return float(found[1]) if found else 0.0


def submit(client: TestClient, **headers) -> httpx.Response:
    return client.post(JOBS, files={"file": ("t.csv", io.BytesIO(TABLE))}, **headers)


def test_a_server_with_a_key_answers_nobody_else(api) -> None:
    server = api(api_key=f"anna {ANNA}")
    assert server.get("/healthz").status_code == 200
    for path in ("/readyz", "/metrics", "/v1/models", "/openapi.json", f"{JOBS}/x", "/nothing"):
        for headers in ({}, bearer(BEN), bearer(""), {"Authorization": f"Basic {ANNA}"}):
            reply = server.get(path, headers=headers)
            assert reply.status_code == 401, path
            assert reply.headers["www-authenticate"] == "Bearer"
            error = reply.json()["error"]
            assert (error["type"], error["code"]) == ("invalid_request_error", "invalid_api_key")
    assert server.get("/v1/models", headers=bearer(ANNA)).status_code == 200
    assert metric(server, "key", headers=bearer(ANNA)) > 10


def test_openai_s_client_gives_the_key(fake, tmp_path: Path, serve) -> None:
    settings = Settings(jobs=tmp_path / "jobs", api_key=ANNA)
    with serve(create_app(Workbench(fake, indexes=tmp_path), settings)) as url:
        for key, right in ((ANNA, True), (BEN, False)):
            with OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as client:
                if right:
                    assert [m.id for m in client.models.list()] == ["fake"]
                else:
                    with pytest.raises(AuthenticationError):
                        client.models.list()


def test_wrong_keys_are_not_tried_without_end(api) -> None:
    server = api(api_key=ANNA)
    statuses = [server.get("/v1/models", headers=bearer(f"{n:024}")).status_code for n in range(40)]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    refused = server.get("/v1/models", headers=bearer(ANNA))
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 60


def test_foreign_hosts_and_origins_get_the_documented_error(api) -> None:
    server = api()
    reply = server.get("/v1/models", headers={"Host": "evil.example"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "host_not_allowed")
    origin = {"Origin": "https://evil.example"}
    reply = submit(server, headers=origin)
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "origin_not_allowed")
    assert "access-control-allow-origin" not in server.get("/v1/models", headers=origin).headers
    assert (metric(server, "host"), metric(server, "origin")) == (1, 1)


def test_pages_of_an_allowed_origin_may_send_and_read(api) -> None:
    server = api(allow_origins=("https://friend.org",), api_key=ANNA)
    origin = {"Origin": "https://friend.org"}
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x"}
    assert server.options("/v1/models", headers=origin | asked).status_code == 200
    reply = submit(server, headers=origin | bearer(ANNA))
    assert reply.status_code == 202
    assert reply.headers["access-control-allow-origin"] == "https://friend.org"


def test_a_job_belongs_to_who_made_it(api, until: Callable) -> None:
    server = api(api_key=f"anna {ANNA},ben {BEN}")
    job = submit(server, headers=bearer(ANNA)).json()
    assert "owner" not in job
    path = f"{JOBS}/{job['id']}"
    anna, ben = {"headers": bearer(ANNA)}, {"headers": bearer(BEN)}
    until(lambda: server.get(path, **anna).json()["state"] == "done")
    absent = server.get(f"{JOBS}/none", **ben)
    for method, place in (
        ("GET", path), ("GET", f"{path}/result"), ("POST", f"{path}/retry"), ("DELETE", path),
        ("DELETE", f"{path}?remove=true"),
    ):
        reply = server.request(method, place, **ben)
        assert reply.status_code == 404, place
        # It cannot even be told from a job that does not exist.
        assert reply.json()["error"]["message"].replace(job["id"], "none") == (
            absent.json()["error"]["message"]
        )
    assert [j["id"] for j in server.get(JOBS, **anna).json()["jobs"]] == [job["id"]]
    assert server.get(JOBS, **ben).json() == {"jobs": []}
    assert server.get(f"{path}/result", **anna).status_code == 200
    assert server.delete(f"{path}?remove=true", **anna).status_code == 200


def test_an_owner_is_known_after_a_restart(workbench: Workbench, tmp_path: Path) -> None:
    settings = Settings(jobs=tmp_path / "jobs", api_key=f"anna {ANNA},ben {BEN}")
    with TestClient(create_app(workbench, settings), base_url="http://localhost") as server:
        path = f"{JOBS}/{submit(server, headers=bearer(ANNA)).json()['id']}"
    with TestClient(create_app(workbench, settings), base_url="http://localhost") as server:
        assert server.get(path, headers=bearer(BEN)).status_code == 404
        assert server.get(path, headers=bearer(ANNA)).status_code == 200


def test_without_keys_an_address_has_its_jobs_and_no_list_of_them(api) -> None:
    server = api(host="0.0.0.0", no_auth=True)
    path = f"{JOBS}/{submit(server).json()['id']}"
    assert server.get(path).status_code == 200
    assert server.get(JOBS).status_code == 403
    other = TestClient(server.app, base_url="http://localhost", client=("203.0.113.6", 5))
    assert other.get(path).status_code == 404


def test_for_oneself_there_is_one_owner_and_no_limit(api) -> None:
    server = api(client_requests="1/minute", client_jobs=1, client_rows="1/day")
    ids = [submit(server).json()["id"] for _ in range(3)]
    assert {j["id"] for j in server.get(JOBS).json()["jobs"]} == set(ids)


@pytest.mark.parametrize(
    ("limit", "times", "code"),
    [
        ({"client_rows": "2/day"}, 2, "rate_limit_exceeded"),
        ({"client_jobs": 2}, 2, "jobs_full"),
        ({"client_requests": "3/hour"}, 3, "rate_limit_exceeded"),
    ],
)
def test_a_client_s_limit_is_its_own(api, limit: dict, times: int, code: str) -> None:
    server = api(host="0.0.0.0", no_auth=True, **limit)
    assert [submit(server).status_code for _ in range(times)] == [202] * times
    refused = submit(server)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, code)
    assert int(refused.headers["retry-after"]) >= 1
    other = TestClient(server.app, base_url="http://localhost", client=("203.0.113.6", 5))
    assert submit(other).status_code == 202
    (name,) = limit
    assert metric(other, name.removeprefix("client_")) >= 1


def test_prompts_are_limited_and_more_than_the_limit_at_once_is_said(api) -> None:
    server = api(host="0.0.0.0", no_auth=True, client_prompts="20/hour")

    def embed(number: int) -> httpx.Response:
        body = {"model": "tiny-llama", "input": ["a"] * number}
        return server.post("/v1/embeddings", json=body)

    too_many = embed(21)
    assert too_many.status_code == 400
    assert "21 prompts" in too_many.json()["error"]["message"]
    assert embed(15).status_code == 200
    assert embed(15).status_code == 429
    assert embed(5).status_code == 200


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.5", "203.0.113.5"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.5", "203.0.113.5"), ("unix", "unix"),
    ],
)
def test_addresses_of_one_network_are_one_client(address: str, counted: str) -> None:
    assert clients.network_of({"client": (address, 1)}) == counted


@pytest.fixture
def page(tmp_path: Path) -> Callable[..., TestClient]:
    """A page of one word behind the gate, with sessions."""

    def make(root: str = "", scheme: str = "http", **given) -> TestClient:
        settings = Settings(jobs=tmp_path, root_path=root, **given)

        def say(request) -> PlainTextResponse:
            return PlainTextResponse(clients.of(request.scope).owner)

        inner = Starlette(routes=[Route("/", say), Route("/v1/who", say)])
        app = login.Sessions(
            gate.Gate(inner, Access(settings)), secret=login.secret_of(tmp_path), path=root,
            framed=False,
        )
        return TestClient(app, base_url=f"{scheme}://localhost", root_path=root)

    return make


def test_a_visitor_logs_in_once_and_has_the_api_too(page) -> None:
    visitor = page(api_key=f"anna {ANNA}")
    asked = visitor.get("/")
    assert asked.url.path == "/login"
    assert 'name="key"' in asked.text
    wrong = visitor.post("/login", data={"key": BEN})
    assert (wrong.status_code, "not a key" in wrong.text) == (401, True)
    assert visitor.get("/v1/who").status_code == 401
    done = visitor.post("/login", data={"key": ANNA}, follow_redirects=False)
    assert (done.status_code, done.headers["location"]) == (303, "/")
    cookie = done.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert visitor.get("/").text == visitor.get("/v1/who").text == "key:anna"
    # Another server on the same folder, as after a restart, knows the visitor; with another key it
    # does not.
    again = page(api_key=f"anna {ANNA}")
    again.cookies = visitor.cookies
    assert again.get("/").text == "key:anna"
    changed = page(api_key=f"anna {BEN}")
    changed.cookies = visitor.cookies
    assert changed.get("/").url.path == "/login"


ASKED = "/?w=Where+is+%7Bname%7D%3F+%7Bstory%7D&t=place&lang=de"


@pytest.mark.parametrize("root", ["", "/steadfast"])
def test_a_login_leads_to_the_address_that_was_asked_for(page, root: str) -> None:
    visitor = page(root=root, api_key=ANNA)
    asked = visitor.get(ASKED, follow_redirects=False)
    assert asked.status_code == 303
    place = asked.headers["location"].removeprefix(root)
    assert place.startswith("/login?next=")
    wrong = visitor.post(place, data={"key": BEN})
    assert wrong.status_code == 401
    done = visitor.post(place, data={"key": ANNA}, follow_redirects=False)
    assert (done.status_code, done.headers["location"]) == (303, root + ASKED)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example",
        "/\n//evil.example", "javascript:alert(1)", "evil.example", "\\\\evil.example", " /x", "",
        "/x\r\nSet-Cookie: a=b", "/%ff\xff",
    ],
)
def test_a_login_leads_to_no_other_site(page, elsewhere: str) -> None:
    visitor = page(root="/steadfast", api_key=ANNA)
    done = visitor.post(
        "/login", params={"next": elsewhere}, data={"key": ANNA}, follow_redirects=False
    )
    assert (done.status_code, done.headers["location"]) == (303, "/steadfast/")


@pytest.mark.parametrize(
    ("liked", "language"),
    [
        ("de-DE,de;q=0.9,en;q=0.8", "de"), ("en-US,de;q=0.5", "en"),
        ("fr, de;q=0.3, en;q=0.2", "de"), ("en;q=0.2, de;q=0.9", "de"), ("de;q=0, en", "en"),
        ("fr", "en"), ("", "en"), (";;q=,", "en"),
    ],
)
def test_a_login_speaks_the_browser_s_language(page, liked: str, language: str) -> None:
    visitor = page(api_key=ANNA)
    told = {"Accept-Language": liked}
    text = visitor.get("/login", headers=told).text
    assert f'<html lang="{language}">' in text and "<main>" in text
    said = {"de": "Das ist kein Schlüssel", "en": "This is not a key"}[language]
    assert said in visitor.post("/login", data={"key": BEN}, headers=told).text


def test_a_login_speaks_the_language_of_the_address(page) -> None:
    visitor = page(api_key=ANNA)
    assert '<html lang="de">' in visitor.get(ASKED, headers={"Accept-Language": "en"}).text


def test_a_forged_session_is_no_session(page) -> None:
    visitor = page(api_key=f"anna {ANNA}")
    visitor.cookies.set("steadfast", "eyJuYW1lIjoiYW5uYSJ9.aaaa.bbbb")
    assert visitor.get("/").url.path == "/login"


def test_over_tls_the_cookie_needs_tls_and_a_prefix_is_kept(page) -> None:
    visitor = page(root="/steadfast", scheme="https", api_key=ANNA)
    asked = visitor.get("/", follow_redirects=False)
    assert asked.headers["location"] == "/steadfast/login"
    done = visitor.post("/login", data={"key": ANNA}, follow_redirects=False)
    cookie = done.headers["set-cookie"]
    assert "secure" in cookie
    assert "path=/steadfast;" in cookie
    assert done.headers["location"] == "/steadfast/"


def test_without_keys_each_browser_is_a_client(page) -> None:
    given = {"host": "0.0.0.0", "no_auth": True}
    first, second = page(**given), page(**given)
    owner = first.get("/").text
    assert owner.startswith("browser:")
    assert first.get("/v1/who").text == owner != second.get("/").text


def test_the_session_s_secret_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    made = login.secret_of(tmp_path / "new")
    assert login.secret_of(tmp_path / "new") == made
    assert (tmp_path / "new" / ".session-key").stat().st_mode & 0o077 == 0


def test_refusals_are_logged_but_not_each(api, caplog: pytest.LogCaptureFixture) -> None:
    server = api(api_key=ANNA)
    for _ in range(5):
        server.get("/v1/models")
    told = [r for r in caplog.records if "refused (key)" in r.getMessage()]
    assert len(told) == 1
    assert ANNA not in caplog.text


def test_a_websocket_is_closed() -> None:
    inner = FastAPI()
    app = gate.Gate(inner, Access(Settings()))
    with pytest.raises(WebSocketDisconnect) as caught, \
            TestClient(app, base_url="http://localhost").websocket_connect("/"):
        pytest.fail("it was accepted")
    assert caught.value.code == 1008
