"""A table of instructions scored by workers of a Ray cluster, with the results of one process.

Refuses to be imported where Ray is not installed (`cluster.py` says so), and to know how a row is
scored (`scoring.py`). The table is read, put together and written here, in the driver.
"""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import ray
from ray.exceptions import RayActorError, RayTaskError

from robustness import scoring
from robustness.cluster import Setup
from robustness.errors import EngineError, MismatchError, RobustnessError
from robustness.journal import Journal
from robustness.scoring import Asked
from robustness.transformers_engine import TransformersEngine
from robustness.workbench import Workbench

PART = 32
"""Rows that a worker gets at a time, and that are scored again when it fails."""
ATTEMPTS = 3
"""Workers that may fail on the same rows before the rows are held to be the reason."""


class Worker:
    """One process with an engine of its own."""

    def __init__(self, setup: Setup) -> None:
        """Loads nothing yet: what fails in a constructor, Ray tells as the death of the worker."""
        self._setup = setup
        self._workbench: Workbench | None = None

    def open(self) -> list[str]:
        """Loads the model and its index; tells what results depend on.

        Raises:
            RobustnessError: See `TransformersEngine` and `scoring.identity`.
        """
        setup = self._setup
        engine = TransformersEngine(
            setup.model, prefixes=setup.prefixes, prompt_format=setup.prompt_format
        )
        self._workbench = Workbench(engine, indexes=setup.indexes, task_files=True)
        return scoring.identity(self._workbench)

    def score(self, rows: Sequence[Asked]) -> list[dict[str, Any]]:
        """The results of some rows.

        Raises:
            EngineError: The engine stopped answering.
        """
        if self._workbench is None:
            raise EngineError("the worker was asked for rows before it was opened")
        return [scoring.result(self._workbench, row) for row in rows]


class _Crew:
    """The workers, what each is doing, and what is left to do."""

    def __init__(self, setup: Setup, workers: int) -> None:
        # Where the cluster has GPUs, a worker takes one; else one core.
        gpus = 1 if ray.cluster_resources().get("GPU") else 0
        self._make = ray.remote(num_cpus=1, num_gpus=gpus)(Worker)
        self._setup = setup
        self.queue: deque[list[Asked]] = deque()
        self._busy: dict[Any, tuple[Any, list[Asked] | None]] = {}
        self._idle: list[Any] = []
        self._failed: Counter[int] = Counter()
        self.told: list[str] | None = None
        for _ in range(workers):
            self._hire()

    def _hire(self) -> None:
        worker = self._make.remote(self._setup)
        self._busy[worker.open.remote()] = (worker, None)

    def step(self) -> tuple[list[Asked], list[dict[str, Any]]]:
        """Waits for one worker; the rows that it has scored, none where it was opened or died.

        Raises:
            EngineError: Worker after worker died.
            MismatchError: Two workers have different models or indexes.
            RobustnessError: What a worker raised.
        """
        while self._idle and self.queue:
            worker, rows = self._idle.pop(), self.queue.popleft()
            self._busy[worker.score.remote(rows)] = (worker, rows)
        done = ray.wait(list(self._busy), num_returns=1)[0][0]
        worker, given = self._busy.pop(done)
        try:
            found = ray.get(done)
        except RayTaskError as error:
            raise _cause(error) from None
        except RayActorError as error:
            self._lost(given, error)
            return [], []
        self._idle.append(worker)
        if given is not None:
            return given, found
        if self.told not in (None, found):
            raise MismatchError(
                "two workers have different models or indexes at the same paths; every machine of "
                "the cluster must see the same files"
            )
        self.told = found
        return [], []

    def _lost(self, rows: list[Asked] | None, error: RayActorError) -> None:
        """Puts a dead worker's rows first in the queue and another worker in its place."""
        first = -1 if rows is None else rows[0].number
        self._failed[first] += 1
        if self._failed[first] >= ATTEMPTS:
            where = "while it loaded the model" if rows is None else (
                f"on the rows {first + 1} to {rows[-1].number + 1}"
            )
            raise EngineError(
                f"a worker died {ATTEMPTS} times {where}; it may lack memory: {error}"
            ) from None
        if rows is not None:
            self.queue.appendleft(rows)
        self._hire()


def _cause(error: RayTaskError) -> Exception:
    """What a worker raised, without Ray's traceback where the user can fix it."""
    cause = error.cause
    return cause if isinstance(cause, RobustnessError) else EngineError(f"a worker failed: {error}")


def score_file(
    source: Path,
    target: Path,
    setup: Setup,
    *,
    address: str,
    workers: int | None = None,
    resume: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Reads, scores on a cluster and writes; see `scoring.score_file`.

    Args:
        source: The table.
        target: Where to write; the journal lies beside it until it is written, and an interrupted
            run goes on with or without a cluster.
        setup: What each worker loads.
        address: `local` starts a cluster on this machine, `auto` finds the one that it belongs to,
            `HOST:PORT` or `ray://HOST:PORT` name one.
        workers: By default one a GPU of the cluster, or one a core.
        resume: Whether to take up a journal that is there.
        on_progress: Called with (rows done, rows).

    Raises:
        EngineError: There is no cluster at the address, or workers fail again and again.
        RobustnessError: See `scoring.score_file`.
    """
    table = scoring.read_table(source)
    rows = scoring.asked(table)
    journal = target.with_name(f".{target.name}.journal")
    try:
        # An address may be that of a running cluster, whose resources are not ours to name.
        more = {"num_cpus": workers} if address == "local" and workers else {}
        ray.init(
            address=address, include_dashboard=False, log_to_driver=False, logging_level="error",
            **more,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise EngineError(f"no Ray cluster at {address!r}: {error}") from error
    try:
        results = _results(rows, setup, workers, Journal(journal, resume=resume), on_progress)
    finally:
        ray.shutdown()
    scored = scoring.joined(table, results)
    scoring.write_table(scored, target)
    journal.unlink(missing_ok=True)
    return scored


def _results(
    rows: Sequence[Asked],
    setup: Setup,
    workers: int | None,
    kept: Journal,
    on_progress: Callable[[int, int], None] | None,
) -> list[dict[str, Any]]:
    """The results of all rows, in order."""
    resources = ray.cluster_resources()
    count = workers or int(resources.get("GPU") or resources.get("CPU") or 1)
    crew = _Crew(replace(setup, indexes=setup.indexes.resolve()), count)
    while crew.told is None:
        crew.step()
    told = crew.told
    results = {row.number: kept.get(row.key(told)) for row in rows}
    left = [row for row in rows if results[row.number] is None]
    size = max(1, min(PART, len(left) // (4 * count)))
    crew.queue.extend(left[start : start + size] for start in range(0, len(left), size))
    done = len(rows) - len(left)
    while done < len(rows):
        given, found = crew.step()
        made = list(zip(given, found, strict=True))
        # Together: the disk would otherwise be what all workers wait for.
        kept.keep_all({row.key(told): cells for row, cells in made})
        results |= {row.number: cells for row, cells in made}
        done += len(given)
        if given and on_progress is not None:
            on_progress(done, len(rows))
    return [results[row.number] for row in rows]
