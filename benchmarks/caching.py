"""Times vLLM with prefix caching against vLLM without it, both through this project's engine.

`python benchmarks/caching.py [--json] [--runs N]`

Protocol and figures: benchmarks/README.md. Two vLLMs run, started with the command that the server
starts one with; they take turns on the same rows, which are drawn anew for each run, so that no
cache holds them from the run before.
"""

import argparse
import secrets
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
from rows import (
    Claim,
    Row,
    accuracy,
    largest_difference,
    make_model,
    synthetic,
    tell,
    torch,
)
from tqdm import tqdm

from robustness.errors import RobustnessError
from robustness.models import checkpoint, evaluator
from robustness.models.load_options import PLAIN
from robustness.models.model_registry import Served
from robustness.types import Reading
from server.engines import vllm_command
from server.engines.vllm_client import VllmClient
from server.engines.vllm_engine import VllmEngine
from server.engines.vllm_process import VllmProcess

CHUNK = evaluator.CHUNK
CACHING = "--enable-prefix-caching"
TIMEOUT = 600.0
PEER = "vLLM without it, same engine"


Side = tuple[VllmEngine, psutil.Process]


@contextmanager
def serving(
    installation: vllm_command.Installation, model: Path, log: Path, *, caching: bool
) -> Iterator[Side]:
    """Starts a vLLM; yields its engine and its process."""
    ends = checkpoint.load(model, device="cpu", ends_only=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    key = secrets.token_urlsafe()
    launch = vllm_command.launch(
        installation, model=str(model), name=ends.id, layers=ends.layers, context=ends.context,
        port=port, key=key, gpu=vllm_command.has_gpu(), loading=PLAIN,
    )
    if not caching:
        swapped = [f"--no-{a[2:]}" if a == CACHING else a for a in launch.arguments]
        launch = replace(launch, arguments=tuple(swapped))
    url = f"http://127.0.0.1:{port}"
    process = VllmProcess(launch, url, log)
    engine = VllmEngine(
        Served(ends), VllmClient(url, key, timeout=TIMEOUT), name="measured", process=process
    )
    try:
        process.start()
        engine.check()
        yield engine, psutil.Process(process.pid)
    finally:
        engine.close()


def spent(vllm: psutil.Process) -> float:
    """CPU seconds so far of this process and of a vLLM with its children."""
    times = [p.cpu_times() for p in (vllm, *vllm.children(recursive=True))]
    return time.process_time() + sum(t.user + t.system for t in times)


def in_turns(
    claim: Claim, sides: Sequence[Side], runs: Sequence[list[Row]]
) -> Claim:
    """Times both vLLMs, (without, with), on the same rows; they alternate by chunks."""
    model = sides[0][0].models()[0].id
    differences, accuracies = [], []
    for rows in tqdm(runs, desc=claim.claim, unit="run", file=sys.stderr, disable=None):
        wall, processor = [0.0, 0.0], [0.0, 0.0]
        readings: tuple[list[Reading], list[Reading]] = ([], [])
        for start in range(0, len(rows), CHUNK):
            asked = [row.prompt for row in rows[start : start + CHUNK]]
            for side, (engine, vllm) in enumerate(sides):
                began, before = time.perf_counter(), spent(vllm)
                readings[side].extend(engine.read(model, asked))
                wall[side] += time.perf_counter() - began
                processor[side] += spent(vllm) - before
        claim.add((wall[0], wall[1]), (processor[0], processor[1]))
        if rows[0].prompt.options:
            differences.append(largest_difference(*readings))
            accuracies.append([accuracy(rows, side) for side in readings])
    if differences:
        claim.difference = max(differences)
        claim.accuracies = (
            sum(a for a, _ in accuracies) / len(runs), sum(b for _, b in accuracies) / len(runs)
        )
    return claim


def measured(installation: vllm_command.Installation, runs: int) -> list[Claim]:
    """The claims.

    Raises:
        RobustnessError: vLLM does not start.
    """
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        model = folder / "model"
        words = make_model(model)
        drawn = [synthetic(words, first=1, seed=seed) for seed in range(2 * runs + 1)]
        bare = [
            [Row(replace(row.prompt, options=()), row.gold) for row in rows]
            for rows in drawn[runs + 1 :]
        ]
        with (
            serving(installation, model, folder / "without.log", caching=False) as without,
            serving(installation, model, folder / "with.log", caching=True) as cached,
        ):
            for engine, _ in (without, cached):
                engine.read(engine.models()[0].id, [row.prompt for row in drawn[0][:CHUNK]])
            sides = (without, cached)
            options = Claim("vLLM, prefix caching, options", PEER, "prefix caching")
            alone = Claim("vLLM, prefix caching, representations", PEER, "")
            return [in_turns(options, sides, drawn[1 : runs + 1]), in_turns(alone, sides, bare)]


def main() -> None:
    """Prints one table, or one JSON document."""
    parser = argparse.ArgumentParser(description="vLLM with prefix caching beside without")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--runs", type=int, default=5, help="default: 5")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    installation = vllm_command.installed()
    if installation is None:
        print("left out: vLLM is not installed; install it with: make vllm", file=sys.stderr)
        return
    try:
        claims = measured(installation, arguments.runs)
    except RobustnessError as error:
        sys.exit(f"error: {error}")
    tell("caching", claims, as_json=arguments.json)


if __name__ == "__main__":
    main()
