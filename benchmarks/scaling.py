"""What a scored row costs: the figures that docs/scaling.md reckons with.

`python benchmarks/scaling.py [--json] [--rows N]`

The embedded backbone alone, one thread, one process; rows with a task, an input and an answer.
Times are processor time, which other programs on the machine disturb least.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ["OMP_NUM_THREADS"] = "1"  # Read when torch and FAISS are loaded.

import pandas as pd
import torch

from robustness import paths
from robustness.data import instructions, tasks
from robustness.models.transformers_engine import TransformersEngine
from robustness.scoring import batch, scored_row
from robustness.scoring.scored_row import ScoredRow
from robustness.storage import tables
from robustness.types import Prompt, Reading
from robustness.workbench import Workbench

TASK = "scene_topic"
DRIVER_ROWS = 100_000
SEARCHES = 50


class Counted(TransformersEngine):
    """The engine, counting what it is asked."""

    prompts = 0
    tokens = 0
    spent = 0.0

    def read(self, model: str, prompts: Sequence[Prompt]) -> list[Reading]:
        """See `Engine.read`."""
        self.prompts += len(prompts)
        self.tokens += sum(self.count_tokens(model, [p.text for p in prompts]))
        began = time.process_time()
        try:
            return super().read(model, prompts)
        finally:
            self.spent += time.process_time() - began


@dataclass
class Costs:
    """What was measured."""

    rows: int
    prompts_a_row: float = 0.0
    tokens_a_row: float = 0.0
    engine_seconds_a_row: float = 0.0
    other_seconds_a_row: float = 0.0
    prompts_a_second: float = 0.0
    parquet_bytes_a_row: float = 0.0
    driver_seconds_a_row: float = 0.0
    index_vectors: int = 0
    index_milliseconds: list[float] = field(default_factory=list)
    """Lowest, median and highest of the searches, one query each."""


def table(count: int) -> pd.DataFrame:
    """Rows of which no two have the same instruction and input."""
    task = tasks.builtin(TASK)
    texts = [i.text for i in instructions.builtin(instructions.UNOBSERVED_DEVELOPMENT)
             if i.task == TASK]
    return pd.DataFrame([
        {
            "instruction": texts[n % len(texts)], "task": TASK,
            "input": next(iter(e.fields.values())), "answer": e.answer,
        }
        for n, e in zip(range(count), task.examples, strict=False)
    ])


def spent(call: Callable[[], Any]) -> float:
    """Processor time of a call."""
    began = time.process_time()
    call()
    return time.process_time() - began


def measured(count: int, folder: Path) -> Costs:
    """All figures."""
    engine = Counted(paths.BACKBONE, device="cpu")
    workbench = Workbench(engine, indexes=paths.INDEXES)
    asked = folder / "asked.parquet"
    table(count).to_parquet(asked)
    once = tables.read_table(asked)
    rows = once.rows
    costs = Costs(rows=len(rows))
    batch.result(workbench, rows[0])  # Nobody pays for files that are not loaded yet.
    engine.prompts, engine.tokens, engine.spent = 0, 0, 0.0
    results: list[ScoredRow] = []
    whole = spent(lambda: results.extend(batch.result(workbench, row) for row in rows))
    costs.prompts_a_row = engine.prompts / len(rows)
    costs.tokens_a_row = engine.tokens / len(rows)
    costs.engine_seconds_a_row = engine.spent / len(rows)
    costs.other_seconds_a_row = (whole - engine.spent) / len(rows)
    costs.prompts_a_second = engine.prompts / whole
    sizes = {}
    for size in (len(rows) // 2, len(rows)):
        file = folder / f"{size}.parquet"
        batch.write(file, replace(once, rows=rows[:size]), results[:size])
        sizes[size] = file.stat().st_size
    (small, first), (big, second) = sizes.items()
    costs.parquet_bytes_a_row = (second - first) / (big - small)
    source = folder / "in.parquet"
    many = pd.concat([table(count)] * (DRIVER_ROWS // count), ignore_index=True)
    many.to_parquet(source)

    def driven() -> None:
        read = tables.read_table(source)
        made = [results[row.number % count] for row in read.rows]
        batch.write(folder / "out.parquet", read, scored_row.adjusted(made))

    costs.driver_seconds_a_row = spent(driven) / len(many)
    space = workbench.index().tasks[TASK].space
    query = space.searcher.vectors()[:1]
    times = sorted(1000 * spent(lambda: space.search(query, 5)) for _ in range(SEARCHES))
    costs.index_vectors = len(space.ids)
    costs.index_milliseconds = [times[0], statistics.median(times), times[-1]]
    return costs


def main() -> None:
    """Prints the figures, or one JSON document."""
    parser = argparse.ArgumentParser(description="What a scored row costs")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--rows", type=int, default=100, help="default: 100")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        costs = measured(arguments.rows, Path(folder))
    if arguments.json:
        print(json.dumps(vars(costs), indent=1))
        return
    for name, value in vars(costs).items():
        print(f"{name.replace('_', ' '):<26} {value}")


if __name__ == "__main__":
    main()
