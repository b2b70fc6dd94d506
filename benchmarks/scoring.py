"""Speed of scoring: prompts that share a start beside padded batches and lm-evaluation-harness.

`python benchmarks/scoring.py [--json] [--runs N] [--claims NAME ...] [--lm-eval PYTHON]`

Protocol and figures: benchmarks/README.md. One thread; the peer and this project take turns, and
the ratio of each run is taken by itself, so that a machine that slows down slows both.
"""

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from robustness import threads  # noqa: E402

threads.settle()
os.environ["OMP_NUM_THREADS"] = "1"  # Read when torch is loaded.

import torch  # noqa: E402
from tokenizers import Tokenizer, models, pre_tokenizers, processors  # noqa: E402
from tqdm import tqdm  # noqa: E402
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast  # noqa: E402

from robustness import evaluation, instructions, paths, prompts, tasks  # noqa: E402
from robustness.errors import RobustnessError  # noqa: E402
from robustness.transformers_engine import TransformersEngine  # noqa: E402
from robustness.types import Prompt, Reading  # noqa: E402

INSTRUCTIONS, INPUTS = 16, 32
SHARED_TOKENS = 64
OWN_TOKENS = (48, 64)
OPTIONS = ("yes", "no")
END = "</s>"
LM_EVAL = ROOT / ".venv-bench/bin/python"
CHUNK = evaluation.CHUNK


@dataclass(frozen=True)
class Row:
    """One prompt with its right answer."""

    prompt: Prompt
    gold: int


@dataclass
class Claim:
    """One line of the table."""

    claim: str
    peer: str
    target: float | None
    ratios: list[float] = field(default_factory=list)
    """Peer's wall-clock time / ours, a run each."""
    processor: list[float] = field(default_factory=list)
    """The same of processor time, which other programs on the machine disturb less."""
    seconds: list[tuple[float, float]] = field(default_factory=list)
    """Wall-clock (peer, ours)."""
    difference: float | None = None
    """Largest difference between option log-probabilities, nats."""
    accuracies: tuple[float, float] | None = None
    """(peer, ours), in [0, 1]."""

    def add(self, wall: tuple[float, float], processor: tuple[float, float]) -> None:
        """One run's seconds (peer, ours); also told on stderr, since a run can take minutes."""
        self.ratios.append(wall[0] / wall[1])
        self.processor.append(processor[0] / processor[1])
        self.seconds.append(wall)
        tqdm.write(
            f"{self.claim}, run {len(self.ratios)}: {wall[0]:.1f} s / {wall[1]:.1f} s = "
            f"{self.ratios[-1]:.2f}, processor time {self.processor[-1]:.2f}", file=sys.stderr,
        )

    def document(self) -> dict[str, object]:
        """What --json prints."""
        return {
            "claim": self.claim, "peer": self.peer, "target": self.target,
            "ratio": statistics.median(self.ratios), "low": min(self.ratios),
            "high": max(self.ratios), "runs": len(self.ratios),
            "processor_time_ratio": statistics.median(self.processor) if self.processor else None,
            "ratios": self.ratios, "processor_time_ratios": self.processor,
            "seconds": self.seconds, "largest_difference": self.difference,
            "accuracy_peer": self.accuracies and self.accuracies[0],
            "accuracy": self.accuracies and self.accuracies[1],
        }


def make_model(folder: Path) -> list[str]:
    """A random 8-layer, 384-wide Llama whose tokens are words; returns the words."""
    words = [f"w{n}" for n in range(4091)]
    vocabulary = {w: n for n, w in enumerate(["<pad>", "<s>", END, *OPTIONS, *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token=END, pad_token="<pad>",
        model_max_length=512,
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(vocabulary), hidden_size=384, intermediate_size=1024, num_hidden_layers=8,
        num_attention_heads=6, num_key_value_heads=6, max_position_embeddings=512,
        bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return words


def single_words(engine: TransformersEngine) -> list[str]:
    """Words that are one token of a model's tokenizer."""
    tokenizer = engine.checkpoint.tokenizer
    known = (tokenizer.decode([n]).strip() for n in range(len(tokenizer)))
    return [
        word for word in sorted(set(known))
        if word.isalpha() and len(tokenizer(word, add_special_tokens=False).input_ids) == 1
    ]


def synthetic(words: Sequence[str], first: int) -> list[Row]:
    """16 instructions of 64 tokens, `first` special ones included, in front of 32 inputs each."""
    draw = random.Random(0)
    starts = [" ".join(draw.choices(words, k=SHARED_TOKENS - first)) for _ in range(INSTRUCTIONS)]
    inputs = [" ".join(draw.choices(words, k=draw.randint(*OWN_TOKENS))) for _ in range(INPUTS)]
    return [
        Row(
            Prompt(
                instruction_id=str(i), example_id=str(n), text=f"{start} {own}", options=OPTIONS
            ),
            draw.randrange(len(OPTIONS)),
        )
        for i, start in enumerate(starts)
        for n, own in enumerate(inputs)
    ]


def as_they_come(task: str) -> list[Row]:
    """Observed instructions of a built-in task on its test inputs."""
    examples = tasks.builtin(task).split("test")[:INPUTS]
    known = [i for i in instructions.builtin(instructions.OBSERVED) if i.task == task]
    return [
        Row(prompts.fill(i, e), e.options.index(e.answer or ""))
        for i in known[:INSTRUCTIONS] for e in examples
    ]


def accuracy(rows: Sequence[Row], readings: Sequence[Reading]) -> float:
    """Share of rows whose highest option is the right one."""
    right = [
        int(r.option_logprobs.argmax()) == row.gold for row, r in zip(rows, readings, strict=True)
    ]
    return sum(right) / len(right)


def largest_difference(ones: Sequence[Reading], others: Sequence[Reading]) -> float:
    """Of option log-probabilities, nats."""
    return max(
        float(abs(one.option_logprobs - other.option_logprobs).max())
        for one, other in zip(ones, others, strict=True)
    )


def in_turns(claim: Claim, folder: Path, rows: Sequence[Row], runs: int) -> Claim:
    """Padded and shared batches of the same rows, taking turns chunk by chunk."""
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


def write_tasks(folder: Path, rows: Sequence[Row]) -> None:
    """The rows as lm-evaluation-harness reads them, with and without the end of text scored."""
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


def run_lm_eval(python: Path, folder: Path, task: str) -> tuple[float, list[list[float]]]:
    """One process of lm-evaluation-harness; accuracy and each row's option scores."""
    out = folder / f"out-{task}"
    arguments = f"pretrained={folder / 'model'},dtype=float32,add_bos_token=True"
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(folder / "cache")}
    done = subprocess.run(
        [
            python, "-m", "lm_eval", "--model", "hf", "--model_args", arguments,
            "--tasks", task, "--include_path", folder / "tasks", "--device", "cpu",
            "--batch_size", "32", "--output_path", out, "--log_samples",
        ],
        env=os.environ | offline, capture_output=True, text=True, check=False,
    )
    if done.returncode:
        raise OSError(f"lm-eval failed: {done.stderr.strip()[-600:]}")
    results = json.loads(max(out.rglob("results_*.json")).read_text())
    samples = max(out.rglob("samples_*.jsonl")).read_text().splitlines()
    by_row = {
        sample["doc"]["id"]: [float(answer[0][0]) for answer in sample["resps"]]
        for sample in map(json.loads, samples)
    }
    return float(results["results"][task]["acc,none"]), [by_row[n] for n in sorted(by_row)]


def timed(call: Callable[[], Any]) -> tuple[float, float, Any]:
    """Wall-clock and processor seconds of the processes that a call starts, and what it gave."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    found = call()
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, spent, found


def whole_process(claim: Claim, task: str, python: Path, runs: int) -> Claim | None:
    """Whole processes on the same rows, taking turns: start, loading and scoring.

    None where lm-evaluation-harness does not run; stderr says why.
    """
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        rows = synthetic(make_model(folder / "model"), first=1)
        write_tasks(folder, rows)
        mine = [sys.executable, ROOT / "benchmarks/read_rows.py", folder]
        for _ in tqdm(range(runs), desc=claim.claim, unit="run", file=sys.stderr, disable=None):
            try:
                wall, spent, found = timed(partial(run_lm_eval, python, folder, task))
            except (OSError, KeyError, ValueError) as error:
                print(f"lm-eval left out: {error}", file=sys.stderr)
                return None
            own_wall, own_spent, _ = timed(
                partial(subprocess.run, mine, check=True, capture_output=True)
            )
            claim.add((wall, own_wall), (spent, own_spent))
        ours = json.loads((folder / "ours.json").read_text())
        claim.accuracies = (found[0], ours["accuracy"])
        if task == "ended":
            claim.difference = max(
                abs(a - b)
                for one, other in zip(found[1], ours["scores"], strict=True)
                for a, b in zip(one, other, strict=True)
            )
    return claim


def measured(names: Sequence[str], runs: int, lm_eval: Path) -> Iterator[Claim]:
    """The claims asked for, one by one."""
    padded = "padded batches, same engine"
    if "random" in names:
        with tempfile.TemporaryDirectory() as folder:
            rows = synthetic(make_model(Path(folder)), first=1)
            yield in_turns(
                Claim("shared start, random 8 x 384 Llama", padded, 1.8), Path(folder), rows, runs
            )
    if "backbone" in names:
        engine = TransformersEngine(paths.BACKBONE, device="cpu")
        first = len(engine.checkpoint.tokenizer("").input_ids)
        yield in_turns(
            Claim("shared start, embedded backbone", padded, None), paths.BACKBONE,
            synthetic(single_words(engine), first), runs,
        )
        yield in_turns(
            Claim("instructions of `place` as they come, embedded backbone", padded, None),
            paths.BACKBONE, as_they_come("place"), runs,
        )
    whole = {
        "lm-eval": ("ended", "whole process, the same option scores", 3.0),
        "lm-eval-cheapest": ("first_token", "whole process, lm-eval: options' first token", None),
    }
    for name, (task, claim, target) in whole.items():
        if name in names and not lm_eval.is_file():
            print(f"{name} left out: there is no {lm_eval}; run: make bench", file=sys.stderr)
        elif name in names:
            peer = Claim(claim, "lm-eval, HF backend, batches of 32", target)
            if (found := whole_process(peer, task, lm_eval, runs)) is not None:
                yield found


def main() -> None:
    """Prints one table, or one JSON document."""
    parser = argparse.ArgumentParser(description="Speed of scoring beside named peers")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--runs", type=int, default=5, help="default: 5")
    names = ("random", "backbone", "lm-eval", "lm-eval-cheapest")
    parser.add_argument("--claims", nargs="+", choices=names, default=names)
    parser.add_argument("--lm-eval", type=Path, default=LM_EVAL, help="its environment's Python")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    try:
        claims = list(measured(arguments.claims, arguments.runs, arguments.lm_eval))
    except RobustnessError as error:
        sys.exit(f"error: {error}")
    if arguments.json:
        print(json.dumps([claim.document() for claim in claims], indent=1))
        return
    print(f"{'claim':<56} {'peer':<34} {'ratio':>6} {'spread':>12} {'cpu time':>8} {'runs':>4}")
    for claim in claims:
        processor = f"{statistics.median(claim.processor):.2f}" if claim.processor else "-"
        print(
            f"{claim.claim:<56} {claim.peer:<34} {statistics.median(claim.ratios):6.2f} "
            f"{min(claim.ratios):5.2f}-{max(claim.ratios):<6.2f} {processor:>8} "
            f"{len(claim.ratios):>4}"
        )


if __name__ == "__main__":
    main()
