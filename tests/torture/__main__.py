"""Attacks the product and prints counts: `make torture`.

    python -m tests.torture                 # all of it, in minutes
    python -m tests.torture --small         # a small part, for CI
    python -m tests.torture kills --kills 200 --seed 7
    python -m tests.torture none --write docs/reliability.md   # of the last run of each part

Ends with status 1 where anything went wrong.
"""

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from robustness import BACKBONE, TransformersEngine, Workbench, paths, quiet, shipped_adapters
from robustness.storage import files, provenance
from tests.torture import api, clients, corrupt, disks, kills, tables
from tests.torture.outcome import WATCHED, Outcome

BEGIN, END = "<!-- make torture -->", "<!-- end -->"
"""Marks in the README between which its table stands."""
PARTS = ("tables", "files", "kills", "disks", "requests", "clients")
_KEPT = Path("runs", "torture")
_FULL = {"tables": 10_000, "requests": 10_000, "kills": 50, "files": 40, "clients": 200,
         "seconds": 60}
_SMALL = {"tables": 200, "requests": 400, "kills": 3, "files": 3, "clients": 20, "seconds": 4}


def _workbench() -> Workbench:
    torch.set_num_threads(1)  # the parts that fork need it
    return Workbench(TransformersEngine(BACKBONE, prefixes=shipped_adapters(BACKBONE)))


def _keep(part: str, outcomes: list[Outcome], seed: int, seconds: float) -> None:
    """Saves what a part found, so that parts which were run one by one make one table."""
    files.write_json(_KEPT / f"{part}.json", {
        "schema": 1, "rows": [o.cells() for o in outcomes], "seed": seed, "seconds": seconds,
        "provenance": provenance.collect(schema=1),
    })


def _found() -> list[dict[str, Any]]:
    """What the last run of each part found."""
    return [
        files.read_json(path, schema=1)
        for part in PARTS if (path := _KEPT / f"{part}.json").is_file()
    ]


def _short(found: list[dict[str, Any]]) -> str:
    """The counts that must be 0, as the README has them."""
    names = ["attack", "tried", *WATCHED]
    lines = [
        f"| {' | '.join(names)} |", "|---" * len(names) + "|",
        *(f"| {' | '.join(row[: len(names)])} |" for f in found for row in f["rows"]),
    ]
    return "\n".join(lines)


def _write(page: Path, readme: Path) -> None:
    """Writes the page, and the README's table between its two marks."""
    page.write_text(_document(_found()), encoding="utf-8")
    before, begin, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if begin and end:
        text = f"{before}{begin}\n{_short(_found())}\n{end}{after}"
        readme.write_text(text, encoding="utf-8")


def _document(found: list[dict[str, Any]]) -> str:
    """The table of the last run of each part, as Markdown."""
    made = [f["provenance"] for f in found]
    seeds = sorted({f["seed"] for f in found})
    lines = [
        "# Reliability", "",
        "What `make torture` did to the product and what it found; "
        "`python -m tests.torture --write docs/reliability.md` writes this page. A fault is a "
        "crash, a good row that was lost or changed, a request without an answer, a reply that is "
        "not as `/openapi.json` says, or a figure beyond its bound.", "",
        f"| attack | tried | {' | '.join(WATCHED)} | all faults | further |",
        "|---|---|---|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for f in found for row in f["rows"]), "",
        f"Seed {', '.join(map(str, seeds))}; {sum(f['seconds'] for f in found) / 60:.0f} minutes; "
        f"{', '.join(sorted({m['hardware'] for m in made}))}; "
        f"{max(m['created'] for m in made)[:10]}.", "",
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
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}, or none")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--small", action="store_true")
    parser.add_argument(
        "--write", type=Path, help="file for the page, Markdown; the README's table is renewed, too"
    )
    for name in _FULL:
        parser.add_argument(f"--{name}", type=int, dest=f"n_{name}")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - {*PARTS, "none"}:
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
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
    chosen = [part for part in PARTS if not asked.parts or part in asked.parts]
    workbench, faults = _workbench() if chosen else None, 0
    for part in chosen:
        begun, outcomes = time.monotonic(), []
        for work in parts[part]:
            outcome = work(workbench)
            outcomes.append(outcome)
            faults += outcome.faults
            print(f"{outcome.name}: {outcome.done}: {outcome.details()}", flush=True)
            for told in outcome.told:
                print(f"  FAULT {told}", flush=True)
        _keep(part, outcomes, asked.seed, time.monotonic() - begun)
    print(_document(_found()))
    if asked.write:
        _write(asked.write, paths.ROOT / "README.md")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
