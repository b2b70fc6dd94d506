"""Scores a table of instructions with Ray Data on a cluster; the results are those of `batch.py`.

Workers score partitions of the rows; the driver reads the table, collects the results and writes
them. Import this module through `ray_setup.py`, since Ray may not be installed.
"""

import itertools
import logging
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray
from ray.exceptions import RayActorError, RayTaskError

from robustness.errors import EngineError, MismatchError, RobustnessError
from robustness.models.engine import Engine
from robustness.models.remote_engine import RemoteEngine
from robustness.models.transformers_engine import TransformersEngine
from robustness.scoring import batch, scored_row
from robustness.scoring.ray_setup import Setup
from robustness.scoring.scored_row import ScoredRow
from robustness.storage.result_cache import Journal
from robustness.storage.tables import RowInput, Table
from robustness.workbench import Workbench

PART = 32
"""Rows of a partition, which is what a worker gets at a time, and again if a worker dies."""
ATTEMPTS = 3
"""Number of workers that die on a partition, or of servers that fail, until the run ends."""

_ROWS, _RESULTS = "rows", "results"

_Part = tuple[list[str], Sequence[RowInput], list[ScoredRow]]
"""(`batch.identity`, rows, results of the rows)."""


class Replicas:
    """A Ray actor that assigns Steadfast servers to the cluster's workers in turn."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = itertools.cycle(urls)

    def take(self) -> str:
        """The URL of the next server."""
        return next(self._urls)


class Worker:
    """A worker process, which scores partitions with its own engine or through a server."""

    def __init__(self, setup: Setup, replicas: Any = None) -> None:
        """Loads nothing yet, since Ray reports an error in a constructor as a worker's death.

        Args:
            setup: The model and the index.
            replicas: Handle of the `Replicas` actor, if servers run the model.
        """
        self._setup = setup
        self._replicas = replicas
        self._workbench: Workbench | None = None

    def __call__(self, part: pa.Table) -> pa.Table:
        """Scores one or more partitions.

        Args:
            part: A row for each partition, whose column `rows` has the pickled `RowInput`s.

        Returns:
            A row for each partition, whose column `results` has the pickled outcome: a `_Part`, or
            a RobustnessError. It is returned, since Ray takes a raised one for a worker's failure.
        """
        outcomes = [self._outcome(pickle.loads(cell.as_py())) for cell in part[_ROWS]]
        return pa.table({_RESULTS: [pickle.dumps(outcome) for outcome in outcomes]})

    def _outcome(self, rows: Sequence[RowInput]) -> Any:
        try:
            return self._scored(rows)
        except RobustnessError as error:
            return error

    def _scored(self, rows: Sequence[RowInput]) -> _Part:
        for attempt in itertools.count(1):
            try:
                workbench = self._opened()
                found = [batch.result(workbench, row) for row in rows]
                return batch.identity(workbench), rows, found
            except EngineError:
                # Another server may answer, while an engine in this process would fail again.
                if self._replicas is None or attempt == ATTEMPTS:
                    raise
                self._workbench = None
        raise AssertionError("the loop ends by itself")

    def _opened(self) -> Workbench:
        """The workbench of the model, loaded at the first call.

        Raises:
            RobustnessError: See `TransformersEngine`, `RemoteEngine` and `Workbench`.
        """
        if self._workbench is None:
            self._workbench = Workbench(
                self._engine(), indexes=self._setup.indexes, task_files=True
            )
        return self._workbench

    def _engine(self) -> Engine:
        setup = self._setup
        if self._replicas is not None:
            return RemoteEngine(ray.get(self._replicas.take.remote()), setup.engine_key)
        return TransformersEngine(
            setup.model, prefixes=setup.prefixes, prompt_format=setup.prompt_format,
            loading=setup.loading,
        )


class _Pool:
    """Ray Data's pool of workers."""

    def __init__(self, setup: Setup, workers: int | None) -> None:
        resources = ray.cluster_resources()
        self._setup = replace(setup, indexes=setup.indexes.resolve())
        self._replicas = (
            ray.remote(num_cpus=0)(Replicas).remote(setup.engine_urls)
            if setup.engine_urls else None
        )
        # If the cluster has GPUs, each worker takes one, else one core; servers have their own.
        self._gpus = 1 if resources.get("GPU") and not setup.engine_urls else 0
        self.workers = workers or len(setup.engine_urls) or int(
            resources.get("GPU") or resources.get("CPU") or 1
        )

    def told(self) -> list[str]:
        """The result of `batch.identity`, for which one worker loads the model."""
        (told, _, _), = self.scored([[]], workers=1)
        return told

    def scored(
        self, parts: Sequence[Sequence[RowInput]], *, workers: int | None = None
    ) -> Iterator[_Part]:
        """Yields partitions when they are scored.

        Raises:
            EngineError: Several workers in turn died on a partition.
            RobustnessError: An error of a worker.
        """
        blocks = [pa.table({_ROWS: [pickle.dumps(list(part))]}) for part in parts]
        done = ray.data.from_arrow(blocks).map_batches(
            Worker,
            fn_constructor_args=(self._setup, self._replicas),
            batch_size=None,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=workers or self.workers),
            num_cpus=1,
            num_gpus=self._gpus,
            # A dead worker is restarted, and its partition goes to any free worker.
            ray_remote_args_fn=lambda: {"max_restarts": -1, "max_task_retries": ATTEMPTS - 1},
        )
        try:
            for block in done.iter_batches(batch_size=None, batch_format="pyarrow"):
                for cell in block[_RESULTS]:
                    outcome = pickle.loads(cell.as_py())
                    if isinstance(outcome, RobustnessError):
                        raise outcome
                    yield outcome
        except RayActorError as error:
            raise EngineError(
                f"workers died {ATTEMPTS} times on the same rows; they may lack memory. What is "
                f"done is kept: go on with --resume. Ray says: {_reason(error)}"
            ) from None
        except RayTaskError as error:
            raise EngineError(f"a worker failed: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """The first line of the error that is the cause of the others."""
    lines = str(error.__cause__ or error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__


def score_file(
    source: Path,
    target: Path,
    setup: Setup,
    *,
    address: str,
    table: Table | None = None,
    workers: int | None = None,
    resume: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[ScoredRow]:
    """Reads a table, scores it on a cluster and writes it; see `batch.score_file`.

    Args:
        source: The table.
        target: The output file; until it is written, a journal lies next to it, from which an
            interrupted run can be resumed with or without a cluster.
        setup: The model and the index of each worker.
        address: `local` starts a cluster on this machine, `auto` finds the one that it belongs to,
            `HOST:PORT` or `ray://HOST:PORT` name one.
        table: The source as it was read already; by default it is read here.
        workers: Number of workers; by default one for each server, else GPU, else core.
        resume: Whether to continue from an existing journal.
        on_progress: Called with (rows done, rows).

    Raises:
        EngineError: There is no cluster at the address, or workers fail again and again.
        MismatchError: Two workers have different models or indexes.
        RobustnessError: See `batch.score_file`.
    """
    if table is None:
        table = batch.read_table(source)
    journal = target.with_name(f".{target.name}.journal")
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        # The resources of a running cluster cannot be set here.
        more = {"num_cpus": workers} if address == "local" and workers else {}
        ray.init(
            address=address, include_dashboard=False, log_to_driver=False, logging_level="error",
            **more,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise EngineError(f"no Ray cluster at {address!r}: {error}") from error
    try:
        ray.data.DataContext.get_current().enable_progress_bars = False
        results = _results(
            table.rows, _Pool(setup, workers), Journal(journal, resume=resume), on_progress
        )
    finally:
        ray.shutdown()
    scored = scored_row.adjusted(results)
    batch.write(target, table, scored)
    journal.unlink(missing_ok=True)
    return scored


def _results(
    rows: Sequence[RowInput],
    pool: _Pool,
    kept: Journal,
    on_progress: Callable[[int, int], None] | None,
) -> list[ScoredRow]:
    """The results of all rows, in order."""
    # With an empty journal, the identity is not needed before the first partition is done.
    known = pool.told() if len(kept) else None
    results = {} if known is None else {
        row.number: done
        for row in rows
        if (done := scored_row.kept(kept.get(batch.key_of(row, known)))) is not None
    }
    left = [row for row in rows if row.number not in results]
    size = max(1, min(PART, len(left) // (4 * pool.workers)))
    parts = [left[start : start + size] for start in range(0, len(left), size)]
    for told, given, found in pool.scored(parts) if parts else ():
        if known not in (None, told):
            raise MismatchError(
                "two workers have different models or indexes at the same paths or servers; every "
                "machine of the cluster must see the same files"
            )
        known = told
        made = list(zip(given, found, strict=True))
        # Written together, since all workers would wait for one write for each row.
        kept.keep_all({batch.key_of(row, told): new.document() for row, new in made})
        results |= {row.number: new for row, new in made}
        if on_progress is not None:
            on_progress(len(results), len(rows))
    return [results[row.number] for row in rows]
