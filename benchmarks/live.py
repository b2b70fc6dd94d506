"""Times the reading of a live prediction beside what the processor could do.

`python benchmarks/live.py [--json] [--runs N] [--model FOLDER ...]`

Protocol and figures: benchmarks/README.md. Two threads, as a laptop has; both sides alternate, and
each run's ratio is taken by itself. The embedded backbone, and SmolLM2-135M-Instruct where it has
been fetched.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from robustness import threads  # noqa: E402

threads.settle()

import torch  # noqa: E402
from table import Line, hold, save, shown  # noqa: E402

from robustness import paths  # noqa: E402
from robustness.data import instructions, prompts, tasks  # noqa: E402
from robustness.errors import NotFoundError, RobustnessError  # noqa: E402
from robustness.index import representations  # noqa: E402
from robustness.models import packaged  # noqa: E402
from robustness.models.load_options import PromptFormat  # noqa: E402
from robustness.models.transformers_engine import TransformersEngine  # noqa: E402
from robustness.types import Instruction, Prompt  # noqa: E402

TASK = "subjectivity"
INPUTS = 16
"""Prompts of a live prediction."""
THREADS = 2
REPEATS = 3
"""Times a side is timed in a run; the shortest counts."""


@dataclass(slots=True)
class Passes:
    """The forward passes of one reading."""

    shapes: list[tuple[int, int]]
    """(rows, columns) of each."""
    heads: int = 0
    """Positions of which logits were computed."""

    @property
    def tokens(self) -> int:
        """Tokens of all passes, padding included."""
        return sum(rows * columns for rows, columns in self.shapes)


@contextmanager
def watched(model: Any) -> Iterator[Passes]:
    """The passes through a model's layers and output head while the block runs."""
    seen = Passes([])

    def layers(_: Any, __: Any, given: dict[str, Any]) -> None:
        rows = given.get("inputs_embeds")
        rows = given["input_ids"] if rows is None else rows
        seen.shapes.append((rows.shape[0], rows.shape[1]))

    def head(_: Any, given: tuple[torch.Tensor, ...]) -> None:
        seen.heads += given[0].shape[0] * given[0].shape[1]

    hooks = [
        model.get_decoder().register_forward_pre_hook(layers, with_kwargs=True),
        model.get_output_embeddings().register_forward_pre_hook(head),
    ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def asked_of() -> Instruction:
    """An instruction as a visitor's: none of the observed ones."""
    return next(
        i for i in instructions.builtin(instructions.UNOBSERVED_DEVELOPMENT) if i.task == TASK
    )


def prompts_of() -> list[Prompt]:
    """The 16 prompts of a live prediction: the instruction on development inputs."""
    return [prompts.fill(asked_of(), e) for e in tasks.builtin(TASK).split("dev")[:INPUTS]]


def least(work: Callable[[], object]) -> float:
    """The shortest of some times, seconds."""
    found = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return min(found)


def flops(model: Any, passes: Passes) -> float:
    """Floating-point operations of the passes' matrix products; attention itself is left out."""
    head = model.get_output_embeddings().weight
    matrices = sum(
        p.numel() for name, p in model.get_decoder().named_parameters()
        if p.ndim == 2 and "embed" not in name
    )
    return 2.0 * (matrices * passes.tokens + head.numel() * passes.heads)


def products(model: Any, tokens: int) -> tuple[Callable[[], None], float]:
    """The products of the model's largest matrix with as many tokens, and their operations."""
    weight = max(
        (p for n, p in model.get_decoder().named_parameters() if p.ndim == 2 and "embed" not in n),
        key=lambda p: p.numel(),
    )
    states = torch.randn(tokens, weight.shape[1])
    count = max(1, int(2e9 / (2.0 * tokens * weight.numel())))

    def work() -> None:
        for _ in range(count):
            torch.nn.functional.linear(states, weight)

    return work, 2.0 * count * tokens * weight.numel()


def measured(folder: Path, runs: int) -> tuple[list[Line], dict[str, Any]]:
    """The two claims for a model, and the seconds and rates that they were made of."""
    engine = TransformersEngine(
        folder, prefixes={}, device="cpu", prompt_format=PromptFormat.AUTO
    )
    model, name = engine.checkpoint.model, engine.models()[0].id
    asked = prompts_of()
    with watched(model) as passes:
        engine.read(name, asked)
    # One batch of the same tokens, with logits at as many positions: a row a prompt.
    width = max(1, round(passes.tokens / INPUTS))
    ids = torch.randint(10, model.config.vocab_size, (INPUTS, width))
    kept = max(1, round(passes.heads / INPUTS))
    multiply, operations = products(model, INPUTS * width)

    @torch.no_grad()
    def bare() -> None:
        model(input_ids=ids, use_cache=False, logits_to_keep=kept)

    def live() -> None:
        engine.read(name, asked)

    alone = representations.alone_text(asked_of())

    def first() -> None:
        engine.represent(name, [alone])

    bare()
    with torch.no_grad():
        multiply()
    ratios, shares, seconds = [], [], []
    for number in range(runs):
        sides = {"live": live, "bare": bare, "products": multiply, "first": first}
        # Who goes first changes, so that a machine that slows down favours nobody.
        order = list(sides) if number % 2 else list(reversed(sides))
        with torch.no_grad():
            took = {side: least(sides[side]) for side in order}
        ratios.append(took["live"] / took["bare"])
        rate = flops(model, passes) / took["live"]
        shares.append(rate / (operations / took["products"]))
        seconds.append(took)
    engine.close()
    told = {
        "model": name, "passes": passes.shapes, "tokens": passes.tokens, "heads": passes.heads,
        "seconds": seconds, "gflops": flops(model, passes) / 1e9,
        "product_rate": max(operations / s["products"] for s in seconds) / 1e9,
        "ratios": ratios, "shares": shares,
    }
    lines = [
        Line(
            claim=f"{INPUTS} prompts of a live prediction, {name}: ours / peer",
            peer="one bare forward pass over the same tokens", ratio=sorted(ratios)[runs // 2],
            low=min(ratios), high=max(ratios), count=runs, bound="live read",
        ),
        Line(
            claim=f"share of the matrix-product rate, {name}", peer="torch's own products",
            ratio=sorted(shares)[runs // 2], low=min(shares), high=max(shares), count=runs,
            bound="live rate",
        ),
    ]
    return lines, told


def folders(given: list[Path] | None) -> Iterator[Path]:
    """The models: those given, else the embedded one and the packaged one where it was fetched."""
    if given:
        yield from given
        return
    yield paths.BACKBONE
    fetched = packaged.cache_folder() / packaged.SMOLLM2.id
    try:
        yield packaged.read(fetched)
    except NotFoundError as error:
        print(f"left out: {error}", file=sys.stderr)


def run(
    name: str,
    description: str,
    measure: Callable[[Path, int], tuple[list[Line], dict[str, Any]]],
    said: Callable[[dict[str, Any]], str],
) -> list[Line]:
    """Runs a benchmark of models from the command line; prints one table or one JSON document.

    Args:
        name: Name of its results in `runs/bench/`.
        description: What it measures, for `--help`.
        measure: (folder of a model, number of runs) -> its claims and what they were made of.
        said: The text below the table on what one model's claims were made of.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--runs", type=int, default=5, help="default: 5")
    parser.add_argument("--model", type=Path, nargs="+", help="folders; default: what is there")
    arguments = parser.parse_args()
    torch.set_num_threads(THREADS)
    lines, told = [], []
    try:
        for folder in folders(arguments.model):
            found, document = measure(folder, arguments.runs)
            lines += found
            told.append(document)
    except RobustnessError as error:
        sys.exit(f"error: {error}")
    save(name, lines)
    if arguments.json:
        print(json.dumps(told, indent=1))
    else:
        print("\n".join([shown(lines), *map(said, told)]))
    return lines


def _said(document: dict[str, Any]) -> str:
    best, one = (min(s[side] for s in document["seconds"]) for side in ("live", "first"))
    return (
        f"{document['model']}: first number {one:.3f} s; {document['tokens']} tokens in "
        f"{len(document['passes'])} passes, {best:.3f} s, "
        f"{document['gflops'] / best:.0f} GFLOP/s of {document['product_rate']:.0f}"
    )


if __name__ == "__main__":
    hold(run("live", "A live prediction beside the processor's rate", measured, _said))
