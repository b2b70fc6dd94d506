"""The page while its model is being loaded, once it is there, and where it cannot be."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from robustness.data import tasks
from robustness.errors import CorruptFileError, EngineError, NotFoundError
from robustness.models.transformers_engine import TransformersEngine
from robustness.workbench import Workbench
from server import demo
from server.application import create_app
from server.engines import Built
from server.jobs import Jobs
from server.metrics import Metrics
from server.opening import Opened, Opening
from server.settings import Settings

PARTS = ("libraries", "model")


class Loading:
    """Loads when it is told to; fails when it is given an error."""

    def __init__(self, workbench: Workbench, folder: Path) -> None:
        self.go = threading.Event()
        self.error: Exception | None = None
        self._workbench, self._settings = workbench, Settings(jobs=folder)

    def __call__(self, opening: Opening) -> Opened:
        with opening.loading("libraries"):
            pass
        assert self.go.wait(60)
        with opening.loading("model"):
            if self.error is not None:
                raise self.error
        jobs = Jobs(self._workbench, self._settings.jobs)
        api = create_app(self._workbench, self._settings, reason="asked for", batch=jobs)
        built = Built(engine=self._workbench.engine, reason="asked for")
        return Opened(built=built, workbench=self._workbench, jobs=jobs, api=api)


@pytest.fixture
def work(workbench: Workbench, tmp_path: Path) -> Loading:
    return Loading(workbench, tmp_path / "jobs")


@pytest.fixture
def opening(work: Loading, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opening]:
    # The engine is the session's.
    monkeypatch.setattr(TransformersEngine, "close", lambda _: None)
    made = Opening(work, PARTS)
    yield made
    work.go.set()
    made.close()


@pytest.fixture
def address(opening: Opening, serve) -> Iterator[str]:
    """The API behind a page of one word; `tests/browser` has the page itself."""
    page = Starlette(routes=[Route("/", lambda _: PlainTextResponse("page"))])
    with serve(demo.Front(page, opening, Metrics())) as url:
        yield url


def test_the_page_is_there_before_the_model(
    address: str, opening: Opening, work: Loading, until: Callable
) -> None:
    opening.start()
    until(lambda: opening.document()["loaded"] == ["libraries"])
    page = httpx.get(address)
    assert page.status_code == 200 and page.text == "page"
    assert httpx.get(f"{address}/healthz").json() == {"status": "ok"}
    ready = httpx.get(f"{address}/readyz")
    assert (ready.status_code, ready.json()["status"]) == (503, "loading")
    assert (ready.json()["loaded"], ready.json()["loading"]) == (["libraries"], ["model"])
    for path in ("/v1/models", "/robustness/v1/tasks"):
        away = httpx.get(address + path)
        assert away.status_code == 503 and int(away.headers["Retry-After"]) > 0
        assert "still being loaded" in away.json()["error"]["message"]
    work.go.set()
    until(lambda: opening.ready)
    assert httpx.get(f"{address}/readyz").json()["status"] == "ready"
    assert httpx.get(f"{address}/v1/models").json()["data"]
    assert httpx.get(f"{address}/v1/nothing").status_code == 404


def test_a_model_that_cannot_be_loaded_is_told_in_one_sentence_everywhere(
    address: str, opening: Opening, work: Loading, until: Callable,
    caplog: pytest.LogCaptureFixture,
) -> None:
    work.error = NotFoundError("no model 'x'")
    work.go.set()
    opening.start()
    until(lambda: opening.problem is not None)
    told = "the model could not be loaded: no model 'x'"
    assert [r.getMessage() for r in caplog.records if r.levelname == "ERROR"] == [told]
    ready = httpx.get(f"{address}/readyz")
    assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
    assert ready.json()["problem"] == told
    assert httpx.get(f"{address}/v1/models").json()["error"]["message"] == told
    assert opening.document()["problem"] == told


def test_visitors_see_no_folder_of_the_server(
    opening: Opening, work: Loading, until: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    work.error = CorruptFileError("/srv/models/mine/config.json is damaged; see https://x.org/a/b")
    work.go.set()
    opening.start()
    until(lambda: opening.problem is not None)
    assert opening.document()["problem"] == (
        "the model could not be loaded: config.json is damaged; see https://x.org/a/b"
    )
    assert "/srv/models/mine/config.json" in caplog.text


def test_an_unforeseen_error_is_told_too(opening: Opening, work: Loading, until: Callable) -> None:
    work.error = RuntimeError("out of memory")
    work.go.set()
    opening.start()
    until(lambda: opening.problem is not None)
    with pytest.raises(EngineError, match="RuntimeError: out of memory"):
        opening.opened()


def test_the_stand_in_knows_the_tasks_and_asks_for_patience(
    opening: Opening, work: Loading, workbench: Workbench, until: Callable
) -> None:
    late = opening.workbench()
    assert [t.id for t in late.tasks()] == [t.id for t in tasks.listed()]
    with pytest.raises(EngineError, match="ask again"):
        late.predict("Where is Anna?")
    work.go.set()
    opening.start()
    until(lambda: opening.ready)
    assert late.original == workbench.original


def test_what_is_loaded_after_the_end_is_closed(
    opening: Opening, work: Loading, until: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = threading.Event()
    monkeypatch.setattr(Opened, "close", lambda _: closed.set())
    opening.start()
    opening.close()
    work.go.set()
    assert closed.wait(60)
    assert not opening.ready
