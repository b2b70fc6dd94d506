"""Attacks the product and prints counts: `make torture`.

    python -m tests.torture                 # all of it, in minutes
    python -m tests.torture --small         # a small part, for CI
    python -m tests.torture kills --kills 200 --seed 7
    python -m tests.torture --write docs/reliability.md

Ends with status 1 where anything went wrong.
"""

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from robustness import BACKBONE, TransformersEngine, Workbench, quiet, shipped_adapters
from robustness.storage import provenance
from tests.torture import api, clients, corrupt, disks, kills, tables
from tests.torture.outcome import WATCHED, Outcome

_FULL = {"tables": 10_000, "requests": 10_000, "kills": 50, "files": 40, "clients": 200,
         "seconds": 60}
_SMALL = {"tables": 200, "requests": 400, "kills": 3, "files": 3, "clients": 20, "seconds": 4}


def _workbench() -> Workbench:
    torch.set_num_threads(1)  # the parts that fork need it
    return Workbench(TransformersEngine(BACKBONE, prefixes=shipped_adapters(BACKBONE)))


def _document(outcomes: list[Outcome], seconds: float, seed: int) -> str:
    made = provenance.collect(schema=1)
    lines = [
        "# Reliability", "",
        "What `make torture` did to the product and what it found: the output of "
        "`python -m tests.torture --write docs/reliability.md`. A fault is a crash, a good row "
        "that was lost or changed, a request without an answer, a reply that is not as "
        "`/openapi.json` says, or a figure beyond its bound.", "",
        f"| attack | tried | {' | '.join(WATCHED)} | all faults | further |",
        "|---|---|---|---|---|---|---|",
        *(f"| {' | '.join(o.cells())} |" for o in outcomes), "",
        f"Seed {seed}, {seconds / 60:.0f} minutes, {made.hardware}, {made.created[:10]}.", "",
        "The bounds of the many clients: p99 of accepted live predictions at most three times that "
        "of one client, memory back within a tenth. Seeds and counts are arguments: "
        "`python -m tests.torture --help`.",
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Runs the parts; the number of faults decides the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    named = ("tables", "requests", "files", "kills", "disks", "clients")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(named)}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--write", type=Path, help="file for the table, Markdown")
    for name in _FULL:
        parser.add_argument(f"--{name}", type=int, dest=f"n_{name}")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(named):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(named)}")
    quiet.settle()
    os.environ["NO_PROXY"] = "*"
    # The faults that are made are logged as they should be, thousands of times.
    logging.disable(logging.CRITICAL)
    number = {
        name: getattr(asked, f"n_{name}") or (_SMALL if asked.small else _FULL)[name]
        for name in _FULL
    }
    parts: dict[str, list[Callable[[Workbench], Outcome]]] = {
        "tables": [lambda w: tables.run(w, number=number["tables"], start=asked.seed)],
        "files": [lambda w: corrupt.run(w, number=number["files"], start=asked.seed)],
        "kills": [lambda w: kills.run(w, number=number["kills"], start=asked.seed)],
        "disks": [disks.full, disks.read_only],
        "requests": [lambda _: api.run(number=number["requests"], start=asked.seed)],
        "clients": [lambda _: clients.run(clients=number["clients"], seconds=number["seconds"])],
    }
    begun = time.monotonic()
    workbench, outcomes = _workbench(), []
    for name, works in parts.items():
        if asked.parts and name not in asked.parts:
            continue
        for work in works:
            outcome = work(workbench)
            outcomes.append(outcome)
            print(f"{outcome.name}: {outcome.done}: {outcome.details()}", flush=True)
            for fault in outcome.told:
                print(f"  FAULT {fault}", flush=True)
    text = _document(outcomes, time.monotonic() - begun, asked.seed)
    print(text)
    if asked.write:
        asked.write.write_text(text, encoding="utf-8")
    return int(any(o.faults for o in outcomes))


if __name__ == "__main__":
    sys.exit(main())
