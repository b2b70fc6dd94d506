"""Times whole processes on the same rows: this project's and lm-evaluation-harness's HF backend.

`python benchmarks/whole.py [--json] [--runs N] [--peers NAME ...] [--lm-eval PYTHON]`

Protocol and figures: benchmarks/README.md. In each run this project's process is timed once and
every peer's once, one after the other, each on one thread.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rows import END, OPTIONS, ROOT, Claim, Row, make_model, synthetic, tell
from tqdm import tqdm

LM_EVAL = ROOT / ".venv-bench/bin/python"


@dataclass(frozen=True)
class Peer:
    """A way to call lm-evaluation-harness."""

    claim: str
    name: str
    task: str
    """`ended`: the end of text is scored with each option, as here; `first_token`: it is not."""
    arguments: tuple[str, ...]
    bound: str
    """Which of `claims.BOUNDS` it is held against; empty: none."""


PEERS = {
    "batches": Peer(
        "whole process, same option scores", "lm-eval, HF, --batch_size 32", "ended",
        ("--batch_size", "32"), "whole process",
    ),
    "default": Peer(
        "whole process, same option scores", "lm-eval, HF, its default batch size (1)", "ended",
        (), "whole process",
    ),
    "cheapest": Peer(
        "whole process, lm-eval scores first tokens alone", "lm-eval, HF, --batch_size 32",
        "first_token", ("--batch_size", "32"), "",
    ),
}

TASK = """task: {name}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {rows}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{text}}}}"
doc_to_choice: {choices}
doc_to_target: gold
target_delimiter: " "
metric_list:
  - metric: acc
"""


def environment() -> dict[str, str]:
    """Environment variables of the processes of both sides."""
    inherited = dict(os.environ)
    # Thousands of modules would be compiled at each start, on the peer's side more than on ours.
    inherited.pop("PYTHONDONTWRITEBYTECODE", None)
    return inherited


def write_tasks(folder: Path, rows: Sequence[Row]) -> None:
    """Writes the rows for lm-evaluation-harness, with and without the end of text scored."""
    lines = [
        json.dumps({"id": n, "text": row.prompt.text, "gold": row.gold, "options": OPTIONS})
        for n, row in enumerate(rows)
    ]
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "tasks").mkdir()
    for name, ending in (("ended", f" {END}"), ("first_token", "")):
        choices = json.dumps([f"{option}{ending}" for option in OPTIONS])
        text = TASK.format(name=name, rows=folder / "rows.jsonl", choices=choices)
        (folder / "tasks" / f"{name}.yaml").write_text(text)


def run_lm_eval(python: Path, folder: Path, peer: Peer) -> tuple[float, list[list[float]]]:
    """Runs a process of lm-evaluation-harness; (accuracy, option scores of each row)."""
    out = folder / f"out-{peer.task}-{len(peer.arguments)}"
    arguments = f"pretrained={folder / 'model'},dtype=float32,add_bos_token=True"
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(folder / "cache")}
    done = subprocess.run(
        [
            python, "-m", "lm_eval", "--model", "hf", "--model_args", arguments,
            "--tasks", peer.task, "--include_path", folder / "tasks", "--device", "cpu",
            *peer.arguments, "--output_path", out, "--log_samples",
        ],
        env=environment() | offline, capture_output=True, text=True, check=False,
    )
    if done.returncode:
        raise OSError(f"lm-eval failed: {done.stderr.strip()[-600:]}")
    results = json.loads(max(out.rglob("results_*.json")).read_text())
    samples = max(out.rglob("samples_*.jsonl")).read_text().splitlines()
    by_row = {
        sample["doc"]["id"]: [float(answer[0][0]) for answer in sample["resps"]]
        for sample in map(json.loads, samples)
    }
    return float(results["results"][peer.task]["acc,none"]), [by_row[n] for n in sorted(by_row)]


def timed(call: Callable[[], Any]) -> tuple[float, float, Any]:
    """(wall-clock seconds, CPU seconds, result) of a call that starts processes."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    found = call()
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, spent, found


def compare(claim: Claim, peer: Peer, found: tuple[float, list[list[float]]], ours: Any) -> None:
    """Accuracies of both sides, and the largest difference of their scores."""
    claim.accuracies = (found[0], ours["accuracy"])
    if peer.task == "ended":
        claim.difference = max(
            abs(a - b)
            for one, other in zip(found[1], ours["scores"], strict=True)
            for a, b in zip(one, other, strict=True)
        )


def measured(names: Sequence[str], python: Path, runs: int) -> list[Claim]:
    """The requested claims; a peer's process that fails ends the measurement.

    Raises:
        OSError: lm-evaluation-harness does not run.
    """
    claims = {n: Claim(PEERS[n].claim, PEERS[n].name, PEERS[n].bound) for n in names}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write_tasks(folder, synthetic(make_model(folder / "model"), first=1))
        mine = [sys.executable, ROOT / "benchmarks/read_rows.py", folder]
        ask = partial(subprocess.run, mine, env=environment(), check=True, capture_output=True)
        for _ in tqdm(range(runs), desc="whole processes", file=sys.stderr, disable=None):
            wall, spent, _ = timed(ask)
            ours = json.loads((folder / "ours.json").read_text())
            for name, claim in claims.items():
                peer = PEERS[name]
                its_wall, its_spent, found = timed(partial(run_lm_eval, python, folder, peer))
                claim.add((its_wall, wall), (its_spent, spent))
                compare(claim, peer, found, ours)
    return list(claims.values())


def main() -> None:
    """Prints one table, or one JSON document."""
    parser = argparse.ArgumentParser(description="Whole processes beside lm-evaluation-harness")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--runs", type=int, default=5, help="default: 5")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--lm-eval", type=Path, default=LM_EVAL, help="its environment's Python")
    arguments = parser.parse_args()
    if not arguments.lm_eval.is_file():
        print(f"left out: there is no {arguments.lm_eval}; run: make bench", file=sys.stderr)
        return
    try:
        claims = measured(arguments.peers, arguments.lm_eval, arguments.runs)
    except (OSError, KeyError, ValueError) as error:
        sys.exit(f"error: lm-evaluation-harness: {error}")
    tell("whole", claims, as_json=arguments.json)


if __name__ == "__main__":
    main()
