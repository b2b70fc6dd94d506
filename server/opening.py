"""Runs the loading of a model in a thread, so that the page can be served meanwhile.

Does not define what is loaded; see `server.demo`.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from starlette.types import ASGIApp

from robustness.data import tasks
from robustness.data.tasks import Task
from robustness.errors import EngineError, RobustnessError
from server import errors

if TYPE_CHECKING:
    from robustness.workbench import Workbench
    from server.engines import Built
    from server.jobs import Jobs

_log = logging.getLogger(__name__)

_LOADING = "the model is still being loaded; ask again in a few seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The objects that answer requests once the model is loaded."""

    built: "Built"
    workbench: "Workbench"
    jobs: "Jobs"
    api: ASGIApp

    def close(self) -> None:
        """Stops the jobs' worker and frees the model."""
        self.jobs.close()
        self.built.engine.close()


class Opening:
    """The loading in a thread: its progress, and its result."""

    def __init__(self, work: "Callable[[Opening], Opened]", parts: tuple[str, ...]) -> None:
        """Starts nothing.

        Args:
            work: Loads everything, each part within `loading`.
            parts: Names of the parts, in the order in which they are loaded.
        """
        self._work = work
        self._waiting = list(parts)
        self._loaded: list[str] = []
        self._opened: Opened | None = None
        self._problem: str | None = None
        self._closed = False
        self._lock = threading.Lock()

    def start(self) -> None:
        """Starts the loading in a daemon thread, which does not keep the process from ending."""
        threading.Thread(target=self._run, name="steadfast-loading", daemon=True).start()

    def _run(self) -> None:
        try:
            opened = self._work(self)
        except RobustnessError as error:
            self._failed(str(error))
        except Exception as error:
            self._failed(f"{type(error).__name__}: {error}")
            _log.debug("while loading", exc_info=True)
        else:
            with self._lock:
                self._opened = None if self._closed else opened
            if self._closed:
                opened.close()

    def _failed(self, why: str) -> None:
        told = f"the model could not be loaded: {why}"
        _log.error("%s", told)
        self._problem = errors.without_folders(told)

    @contextmanager
    def loading(self, part: str) -> Iterator[None]:
        """Context of one part of the work, which counts as loaded if the block succeeds."""
        yield
        self._waiting.remove(part)
        self._loaded.append(part)

    def close(self) -> None:
        """Closes what was loaded, and, if it is still being loaded, as soon as it is."""
        with self._lock:
            self._closed, opened, self._opened = True, self._opened, None
        if opened is not None:
            opened.close()

    @property
    def ready(self) -> bool:
        """Whether the model is loaded."""
        return self._opened is not None

    @property
    def problem(self) -> str | None:
        """Why the loading failed; None if it did not."""
        return self._problem

    def opened(self) -> Opened:
        """The result of the loading.

        Raises:
            EngineError: The loading has not ended, or has failed.
        """
        if self._opened is None:
            raise EngineError(self._problem or _LOADING)
        return self._opened

    def document(self) -> dict[str, Any]:
        """The progress, as `/readyz` shows it."""
        if self._problem is not None:
            return {"status": "unavailable", "problem": self._problem, "loaded": self._loaded,
                    "loading": []}
        return {"status": "loading", "problem": _LOADING, "loaded": list(self._loaded),
                "loading": list(self._waiting)}

    def workbench(self) -> "Workbench":
        """A proxy of the workbench, which raises EngineError until the model is loaded."""
        return cast("Workbench", _LateWorkbench(lambda: self.opened().workbench))

    def jobs(self) -> "Jobs":
        """A proxy of the jobs, which raises EngineError until the model is loaded."""
        return cast("Jobs", _Late(lambda: self.opened().jobs))


class _Late:
    """A proxy that looks up its attributes on an object that exists later."""

    def __init__(self, get: Callable[[], Any]) -> None:
        self._get = get

    def __getattr__(self, name: str) -> Any:
        return getattr(self._get(), name)


class _LateWorkbench(_Late):
    """A proxy of the workbench with the tasks, which are known before a model is loaded."""

    def tasks(self) -> list[Task]:
        """See `tasks.listed`."""
        return tasks.listed()
