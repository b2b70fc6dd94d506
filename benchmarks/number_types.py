"""Measures what a smaller number type gains and costs on this processor.

`python benchmarks/number_types.py [--json] [--runs N] [--model FOLDER ...]`

Protocol and figures: benchmarks/README.md. The model in float32 is the peer; bfloat16 is `--dtype
bfloat16`, int8 is torch's dynamic quantization of all linear layers but the output head.
"""

import sys
import time
import warnings
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from robustness import threads  # noqa: E402

threads.settle()

import numpy as np  # noqa: E402
import torch  # noqa: E402
from live import prompts_of, run  # noqa: E402
from table import Line  # noqa: E402
from torch import nn  # noqa: E402

from robustness.data import instructions, prompts, tasks  # noqa: E402
from robustness.models.load_options import Dtype, Loading, PromptFormat  # noqa: E402
from robustness.models.transformers_engine import TransformersEngine  # noqa: E402
from robustness.stats import intervals  # noqa: E402
from robustness.types import Prompt, Reading  # noqa: E402

INT8 = "int8"
ASKED, INPUTS = 2, 8
"""Instructions of each task and set, and development inputs of each task, that are compared."""
SETS = (instructions.OBSERVED, instructions.UNOBSERVED_DEVELOPMENT)


def cells() -> tuple[list[Prompt], list[int]]:
    """Prompts on development inputs, and the position of each one's right option."""
    asked, right = [], []
    for task in map(tasks.builtin, tasks.builtin_names()):
        examples = [e for e in task.split("dev") if e.answer is not None][:INPUTS]
        for name in SETS:
            known = [i for i in instructions.builtin(name) if i.task == task.id][:ASKED]
            for instruction in known:
                asked += [prompts.fill(instruction, e) for e in examples]
                right += [e.options.index(str(e.answer)) for e in examples]
    return asked, right


def engine_of(folder: Path, kind: str) -> TransformersEngine:
    """The engine of a model in a number type."""
    dtype = Dtype.FLOAT32 if kind == INT8 else kind
    engine = TransformersEngine(
        folder, prefixes={}, loading=Loading(device="cpu", dtype=dtype),
        prompt_format=PromptFormat.AUTO,
    )
    if kind == INT8:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # The output head stays, whose weights are the input embeddings'.
            torch.ao.quantization.quantize_dynamic(
                engine.checkpoint.model.get_decoder(), {nn.Linear}, torch.qint8, inplace=True
            )
    return engine


def seconds_of(engine: TransformersEngine, asked: list[Prompt]) -> float:
    """How long a reading takes."""
    began = time.perf_counter()
    engine.read(engine.models()[0].id, asked)
    return time.perf_counter() - began


def compared(
    before: list[Reading], after: list[Reading], right: list[int]
) -> dict[str, Any]:
    """How the options' log-probabilities and the answers change."""
    pairs = [(a.option_logprobs, b.option_logprobs) for a, b in zip(before, after, strict=True)]
    moved = np.concatenate([np.abs(a - b) for a, b in pairs])
    answers = [(int(a.argmax()), int(b.argmax())) for a, b in pairs]
    changed = intervals.wilson(sum(a != b for a, b in answers), len(answers)).points
    won = [(a == r, b == r) for (a, b), r in zip(answers, right, strict=True)]
    return {
        "answers": len(answers), "logprobs": float(moved.mean()),
        "worst_logprobs": float(moved.max()),
        "changed": [changed.value, changed.low, changed.high],
        "accuracy": [100 * float(np.mean(side)) for side in zip(*won, strict=True)],
    }


def measured(folder: Path, runs: int) -> tuple[list[Line], dict[str, Any]]:
    """The ratio of time of each number type, and what it changes."""
    kinds = (Dtype.FLOAT32, Dtype.BFLOAT16, INT8)
    engines = {kind: engine_of(folder, kind) for kind in kinds}
    name = engines[Dtype.FLOAT32].models()[0].id
    live = prompts_of()
    asked, right = cells()
    read = {kind: engine.read(name, asked) for kind, engine in engines.items()}
    took: dict[str, list[float]] = {kind: [] for kind in kinds}
    for number in range(runs):
        # Who goes first changes, so that a machine that slows down favours nobody.
        for kind in kinds if number % 2 else reversed(kinds):
            took[kind].append(min(seconds_of(engines[kind], live) for _ in range(3)))
    document: dict[str, Any] = {"model": name, "seconds": took, "loss": {}}
    lines = []
    for kind in kinds[1:]:
        ratios = [a / b for a, b in zip(took[kind], took[Dtype.FLOAT32], strict=True)]
        document["loss"][kind] = compared(read[Dtype.FLOAT32], read[kind], right)
        lines.append(
            Line(
                claim=f"{len(live)} prompts of a live prediction, {name}: {kind} / float32",
                peer="the same model in float32", ratio=float(np.median(ratios)),
                low=min(ratios), high=max(ratios), count=runs,
            )
        )
    for engine in engines.values():
        engine.close()
    return lines, document


def _said(document: dict[str, Any]) -> str:
    lines = []
    for kind, loss in document["loss"].items():
        value, low, high = loss["changed"]
        before, after = loss["accuracy"]
        lines.append(
            f"{document['model']}, {kind}: {value:.1f} [{low:.1f}, {high:.1f}]% of "
            f"{loss['answers']} answers change, log-probabilities by {loss['logprobs']:.2g} "
            f"nats on average and {loss['worst_logprobs']:.2g} at most; accuracy "
            f"{before:.1f}, {after:.1f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    run("number_types", "Smaller number types beside float32", measured, _said)
