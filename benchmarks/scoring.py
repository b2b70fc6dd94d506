"""Times the scoring of options against padded batches by the same engine.

`python benchmarks/scoring.py [--json] [--runs N]`

Protocol and figures: benchmarks/README.md. One thread; the peer and this project take turns, and
the ratio of each run is taken by itself, so that a machine that slows down slows both.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rows import (
    Claim,
    Row,
    accuracy,
    as_they_come,
    largest_difference,
    make_model,
    single_words,
    synthetic,
    tell,
    torch,
)
from tqdm import tqdm

from robustness import paths
from robustness.errors import RobustnessError
from robustness.models import evaluator
from robustness.models.transformers_engine import TransformersEngine
from robustness.types import Reading

CHUNK = evaluator.CHUNK
PEER = "padded batches, same engine"


def in_turns(claim: Claim, folder: Path, rows: Sequence[Row], runs: int) -> Claim:
    """Times padded batches and shared prefixes on the same rows; both alternate by chunks."""
    peer = TransformersEngine(folder, device="cpu", share_starts=False)
    ours = TransformersEngine(folder, device="cpu")
    model = ours.models()[0].id
    asked = [row.prompt for row in rows]
    for engine in (peer, ours):
        engine.read(model, asked[:CHUNK])
    readings: dict[bool, list[Reading]] = {}
    for _ in tqdm(range(runs), desc=claim.claim, unit="run", file=sys.stderr, disable=None):
        wall, processor = [0.0, 0.0], [0.0, 0.0]
        readings = {False: [], True: []}
        for start in range(0, len(asked), CHUNK):
            for shared, engine in ((False, peer), (True, ours)):
                began, spent = time.perf_counter(), time.process_time()
                readings[shared] += engine.read(model, asked[start : start + CHUNK])
                wall[shared] += time.perf_counter() - began
                processor[shared] += time.process_time() - spent
        claim.add((wall[0], wall[1]), (processor[0], processor[1]))
    claim.difference = largest_difference(readings[False], readings[True])
    claim.accuracies = (accuracy(rows, readings[False]), accuracy(rows, readings[True]))
    return claim


def measured(runs: int) -> Iterator[Claim]:
    """The claims, one by one."""
    with tempfile.TemporaryDirectory() as folder:
        rows = synthetic(make_model(Path(folder)), first=1)
        yield in_turns(
            Claim("shared start, random 8 x 384 Llama", PEER, "shared start"), Path(folder), rows,
            runs,
        )
    engine = TransformersEngine(paths.BACKBONE, device="cpu")
    first = len(engine.checkpoint.tokenizer("").input_ids)
    yield in_turns(
        Claim("shared start, embedded backbone", PEER, ""), paths.BACKBONE,
        synthetic(single_words(engine), first), runs,
    )
    yield in_turns(
        Claim("`place` as it comes, embedded backbone", PEER, "nothing shared"), paths.BACKBONE,
        as_they_come("place"), runs,
    )


def main() -> None:
    """Prints one table, or one JSON document."""
    parser = argparse.ArgumentParser(description="Speed of scoring beside padded batches")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--runs", type=int, default=5, help="default: 5")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    try:
        claims = list(measured(arguments.runs))
    except RobustnessError as error:
        sys.exit(f"error: {error}")
    tell("scoring", claims, as_json=arguments.json)


if __name__ == "__main__":
    main()
