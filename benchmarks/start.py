"""How soon a command and the page are there, beside importing what they are built on.

`python benchmarks/start.py [--json] [--runs N]`

Protocol and figures: benchmarks/README.md. Ends with status 1 where a claim does not hold.
"""

import argparse
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from tqdm import tqdm

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from table import Line, hold, save, shown  # noqa: E402

from robustness import cli, paths  # noqa: E402
from robustness.cli.lazy_group import LazyGroup  # noqa: E402
from robustness.evaluation.defaults import PUBLISHED_TABLES  # noqa: E402
from robustness.storage import files  # noqa: E402

TORCH = "import torch, transformers"
MODEL = f"{TORCH}; from transformers import LlamaForCausalLM"
"""Needed by whatever runs the embedded backbone in transformers."""
GRADIO = "import gradio"
PAGE = "first byte of the page"
TEXT = "Say if this is a view or a fact."
MEASURED = str(paths.ASSETS / "examples" / "measured.csv")


@dataclass(frozen=True)
class Start:
    """One process, whose ratio to its peer's in the same run is held against a bound."""

    claim: str
    arguments: tuple[str, ...]
    bound: str
    """Which of `claims.BOUNDS` it is held against; empty: none."""
    program: tuple[str, ...] = ("-m", "robustness")

    def spent(self) -> float:
        """Processor seconds of the process."""
        return spent([*self.program, *self.arguments])


@dataclass
class Found:
    """Ratios of one claim, a run each."""

    claim: str
    peer: str
    bound: str
    ratios: list[float] = field(default_factory=list)

    def line(self) -> Line:
        """The median of the runs with its spread."""
        return Line(
            claim=self.claim, peer=self.peer, ratio=statistics.median(self.ratios),
            low=min(self.ratios), high=max(self.ratios), count=len(self.ratios), bound=self.bound,
        )


def words(group: LazyGroup, *above: str) -> Iterator[tuple[str, ...]]:
    """Every command and group, subcommands too."""
    for name, entry in group.table.items():
        yield (*above, name)
        if isinstance(entry, LazyGroup):
            yield from words(entry, *above, name)


def starts(folder: Path) -> list[Start]:
    """What is timed beside importing torch and transformers."""
    table = folder / "instructions.csv"
    table.write_text("instruction,task\nSay where {name} is. {story},place\n", encoding="utf-8")
    helps = [(), *words(cli.app)]
    return [
        *(Start(" ".join((*w, "--help")), (*w, "--help"), "help") for w in helps),
        *(
            Start(f"published {n}", ("published", n), "light command")
            for n in PUBLISHED_TABLES
        ),
        Start("import csv", ("import", "csv", str(table), "--out", str(folder / "o.jsonl")),
              "light command"),
        Start(
            "predict --measurements",
            ("predict", "Whereabouts is {name}? {story}", "--measurements", MEASURED, "--task",
             "place"), "",
        ),
        Start("import of the model's class", (MODEL,), "", ("-c",)),
        Start("predict, embedded backbone", ("predict", TEXT, "--task", "subjectivity"), "predict"),
    ]


def environment() -> dict[str, str]:
    """What every process inherits; all may keep byte code."""
    inherited = dict(os.environ)
    inherited.pop("PYTHONDONTWRITEBYTECODE", None)
    return inherited


def spent(arguments: list[str]) -> float:
    """Processor seconds of a process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, *arguments], env=environment(), cwd=paths.ROOT, check=True,
        capture_output=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def lasted(call: Callable[[], object]) -> float:
    """Wall-clock seconds."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def first_page() -> float:
    """Wall-clock seconds from the start of `app.py` to the first byte of its page."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as jobs:
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "app.py", "--port", str(port), "--jobs", jobs], env=environment(),
            cwd=paths.ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        try:
            while True:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as page:
                        page.read(1)
                    return time.perf_counter() - began
                except (urllib.error.URLError, ConnectionError):
                    if process.poll() is not None:
                        sys.exit("error: app.py ended before it served its page")
                    time.sleep(0.02)
        finally:
            process.terminate()
            process.wait()


def measured(runs: int, chosen: str) -> list[Found]:
    """Every chosen claim's ratios; in each run a bound's peer is timed before its commands."""
    found: dict[str, Found] = {}

    def note(claim: str, peer: str, bound: str, ratio: float) -> None:
        found.setdefault(claim, Found(claim, peer, bound)).ratios.append(ratio)

    with tempfile.TemporaryDirectory() as made:
        todo = [s for s in starts(Path(made)) if chosen in s.claim]
        # Both sides' byte code is written before anything is timed.
        spent(["-c", TORCH])
        for bound in {s.bound for s in todo}:
            last = [s for s in todo if s.bound == bound][-1]
            last.spent()
        page = chosen in PAGE
        if page:
            spent(["-c", GRADIO])
            first_page()
        for _ in tqdm(range(runs), desc="starts", file=sys.stderr, disable=None):
            for bound, group in groupby(todo, key=lambda s: s.bound):
                peer = spent(["-c", TORCH])
                for start in group:
                    note(start.claim, TORCH, bound, start.spent() / peer)
            if page:
                gradio = lasted(lambda: spent(["-c", GRADIO]))
                note(PAGE, GRADIO, "first page", first_page() / gradio)
    return list(found.values())


def main() -> None:
    """Prints one table, or one JSON document."""
    parser = argparse.ArgumentParser(description="Start-up times beside imports")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--runs", type=int, default=5, help="default: 5")
    parser.add_argument("--claims", default="", help="those that have this in their name")
    arguments = parser.parse_args()
    lines = [found.line() for found in measured(arguments.runs, arguments.claims)]
    save("start", lines)
    print(json.dumps(files.plain(lines)) if arguments.json else shown(lines))
    hold(lines)


if __name__ == "__main__":
    main()
