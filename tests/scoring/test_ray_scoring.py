import contextlib
import gc
import itertools
import os
import socket
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pandas as pd
import psutil
import pytest
import torch
from fastapi import FastAPI

from robustness import cli
from robustness.errors import EngineError, InputError, NotFoundError
from robustness.scoring import batch, ray_setup
from robustness.storage.result_cache import Journal
from robustness.workbench import Workbench
from server.application import create_app
from server.settings import Settings

try:
    import ray
except ModuleNotFoundError:
    if os.environ.get("STEADFAST_REQUIRE_RAY"):
        raise
    ray = None

needs_ray = pytest.mark.skipif(ray is None, reason="needs Ray: pip install -r requirements-ray.txt")
# Ray leaves sockets and processes to the interpreter's end, and Ray Data warns of itself.
quiet = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning"
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As many threads as Ray gives a worker: another number adds up in another order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Ray's open sockets are garbage that would warn in whatever test happens to run by then."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (["score", "a.csv", "--ray"], ["score", "a.csv", "--ray", "local"]),
        (["--ray", "--out", "x"], ["--ray", "local", "--out", "x"]),
        (["score", "--ray", "a.csv"], ["score", "--ray", "local", "a.csv"]),
        (["--ray", "auto", "a.csv"], ["--ray", "auto", "a.csv"]),
        (["--ray", "head:6379"], ["--ray", "head:6379"]),
        (["--ray=ray://head:1"], ["--ray=ray://head:1"]),
    ],
)
def test_the_address_may_be_left_out(given: list[str], wanted: list[str]) -> None:
    assert ray_setup.with_address(given) == wanted


def test_without_ray_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "robustness.scoring.ray_scoring", raising=False)
    with pytest.raises(InputError, match=r"pip install -r requirements-ray\.txt"):
        ray_setup.ray_cluster()
    with pytest.raises(SystemExit) as ended:
        cli.main(["score", "in.csv", "--out", str(tmp_path / "out.csv"), "--ray"])
    assert ended.value.code == 2
    assert "requirements-ray.txt" in capsys.readouterr().err


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Rows of every kind, more than the workers take at once."""
    rows = [
        {"instruction": f"Which topic is number {n}?", "task": "", "input": "", "options": ""}
        for n in range(40)
    ]
    rows[3] |= {"task": "scene_topic"}
    rows[8] |= {"task": "place"}
    rows[5] |= {"input": "A fine evening.", "options": "good|bad"}
    rows[30] |= {"instruction": ""}
    rows[31] |= {"task": "unknown"}
    path = tmp_path / "in.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


@pytest.fixture
def setup(tiny_llama: Path, indexes: Path) -> ray_setup.Setup:
    return ray_setup.Setup(model=str(tiny_llama), prefixes={}, indexes=indexes)


def workers() -> list[psutil.Process]:
    """The processes that hold an engine."""
    found = []
    for process in psutil.Process().children(recursive=True):
        # One that was killed before is a zombie until it is reaped, or is gone.
        with contextlib.suppress(psutil.NoSuchProcess):
            if "ray::MapWorker" in " ".join(process.cmdline()):
                found.append(process)
    return found


@pytest.mark.slow
@needs_ray
@quiet
def test_two_workers_of_which_one_is_killed_give_what_one_process_gives(
    source: Path, setup: ray_setup.Setup, workbench: Workbench, tmp_path: Path
) -> None:
    killed: list[int] = []

    def kill_one(done: int, total: int) -> None:
        running = workers()
        if not killed and len(running) == 2:
            killed.append(running[0].pid)
            running[0].kill()
        if done == total:
            assert not {p.pid for p in running} & set(killed)

    there = tmp_path / "there.csv"
    ray_setup.ray_cluster().score_file(
        source, there, setup, address="local", workers=2, on_progress=kill_one
    )
    here = tmp_path / "here.csv"
    batch.score_file(source, here, workbench)
    assert killed
    assert there.read_bytes() == here.read_bytes()
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert sorted(p.name for p in tmp_path.iterdir() if p.suffix != ".csv") == []


@pytest.mark.slow
@needs_ray
@quiet
def test_rows_that_kill_every_worker_end_the_run_and_the_rest_is_kept(
    source: Path, setup: ray_setup.Setup, workbench: Workbench, tmp_path: Path
) -> None:
    def kill_all(done: int, total: int) -> None:
        for process in workers():
            process.kill()

    target = tmp_path / "out.csv"
    ray_cluster = ray_setup.ray_cluster()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ray_cluster, "ATTEMPTS", 1)
        with pytest.raises(EngineError, match="died 1 times"):
            ray_cluster.score_file(
                source, target, setup, address="local", workers=1, on_progress=kill_all
            )
    assert not target.exists()
    journal = target.with_name(f".{target.name}.journal")
    kept = len(Journal(journal, resume=True))
    assert 0 < kept < 40
    seen: list[int] = []
    # On a cluster again: what was kept is not asked again.
    ray_cluster.score_file(
        source, target, setup, address="local", workers=2, resume=True,
        on_progress=lambda done, total: seen.append(done),
    )
    assert seen[0] > kept and seen[-1] == 40
    assert sum(b - a for a, b in itertools.pairwise([kept, *seen])) == 40 - kept
    plain = tmp_path / "plain.csv"
    batch.score_file(source, plain, workbench)
    assert target.read_bytes() == plain.read_bytes()


@pytest.mark.slow
@needs_ray
@quiet
def test_servers_do_the_work_and_one_that_is_down_costs_no_row(
    source: Path, indexes: Path, workbench: Workbench, tmp_path: Path,
    serve: Callable[[FastAPI], AbstractContextManager[str]],
) -> None:
    app = create_app(workbench, Settings(jobs=tmp_path / "jobs"))
    here, there, alone = (tmp_path / f"{n}.csv" for n in ("here", "there", "alone"))
    with serve(app) as url, socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        down = f"http://127.0.0.1:{silent.getsockname()[1]}"
        options = ["--indexes", str(indexes), "--engine-url", url]
        for arguments in (
            [str(there), "--ray", *options, "--engine-url", down], [str(alone), *options]
        ):
            with pytest.raises(SystemExit) as ended:
                cli.main(["score", str(source), "--out", *arguments])
            assert not ended.value.code
        two = ["score", str(source), "--out", str(alone), *options, "--engine-url", down]
        with pytest.raises(SystemExit) as ended:
            cli.main(two)
        assert ended.value.code == 2
    batch.score_file(source, here, workbench)
    assert there.read_bytes() == alone.read_bytes()
    # A server is asked in smaller batches, whose sums differ in the last digits.
    pd.testing.assert_frame_equal(pd.read_csv(there), pd.read_csv(here), rtol=1e-4, atol=1e-3)


@pytest.mark.slow
@needs_ray
@quiet
def test_what_a_worker_cannot_load_is_said_in_the_familys_words(
    source: Path, setup: ray_setup.Setup, tmp_path: Path
) -> None:
    lost = ray_setup.Setup(model=setup.model, prefixes={}, indexes=tmp_path / "none")
    with pytest.raises(NotFoundError, match="index build"):
        ray_setup.ray_cluster().score_file(
            source, tmp_path / "out.csv", lost, address="local", workers=1
        )
