"""The prompts and the random model for benchmarks of scoring, and the claims' result lines.

Does not time anything; see `scoring.py`, `whole.py` and `caching.py`.
"""

import json
import os
import random
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from robustness import threads  # noqa: E402

threads.settle()
os.environ["OMP_NUM_THREADS"] = "1"  # Read when torch is loaded.

import torch  # noqa: E402
from table import Line, hold, save, shown  # noqa: E402
from tokenizers import Tokenizer, models, pre_tokenizers, processors  # noqa: E402
from tqdm import tqdm  # noqa: E402
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast  # noqa: E402

from robustness.data import instructions, prompts, tasks  # noqa: E402
from robustness.models.transformers_engine import TransformersEngine  # noqa: E402
from robustness.types import Prompt, Reading  # noqa: E402

INSTRUCTIONS, INPUTS = 16, 32
SHARED_TOKENS = 64
OWN_TOKENS = (48, 64)
OPTIONS = ("yes", "no")
END = "</s>"


@dataclass(frozen=True)
class Row:
    """A prompt with its correct answer."""

    prompt: Prompt
    gold: int


@dataclass
class Claim:
    """A line of the table."""

    claim: str
    peer: str
    bound: str
    """Which of `claims.BOUNDS` it is held against; empty: none."""
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
            "claim": self.claim, "peer": self.peer, "target": self.line().target,
            "ratio": statistics.median(self.ratios), "low": min(self.ratios),
            "high": max(self.ratios), "runs": len(self.ratios),
            "processor_time_ratio": statistics.median(self.processor),
            "ratios": self.ratios, "processor_time_ratios": self.processor,
            "seconds": self.seconds, "largest_difference": self.difference,
            "accuracy_peer": self.accuracies and self.accuracies[0],
            "accuracy": self.accuracies and self.accuracies[1],
        }

    def line(self) -> Line:
        """Its line in the table of all benchmarks."""
        return Line(
            claim=self.claim, peer=self.peer, ratio=statistics.median(self.ratios),
            low=min(self.ratios), high=max(self.ratios), count=len(self.ratios),
            bound=self.bound,
        )


def tell(name: str, claims: Sequence[Claim], *, as_json: bool) -> None:
    """Saves a script's claims for the table of all benchmarks, prints them, and checks them."""
    save(name, [claim.line() for claim in claims])
    lines = [claim.line() for claim in claims]
    if as_json:
        print(json.dumps([claim.document() for claim in claims], indent=1))
        hold(lines)
        return
    print(shown(lines))
    for claim in claims:
        processor = statistics.median(claim.processor)
        told = f"{claim.claim}: {processor:.2f} of processor time"
        if claim.difference is not None:
            told += f", scores differ by {claim.difference:.1e} nats at the most"
        if claim.accuracies is not None:
            told += ", accuracies {:.4f} and {:.4f}".format(*claim.accuracies)
        print(told)
    hold(lines)


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


def synthetic(words: Sequence[str], first: int, seed: int = 0) -> list[Row]:
    """16 instructions of 64 tokens (`first` special ones among them), with 32 inputs each."""
    draw = random.Random(seed)
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
    """Share of rows whose most probable option is correct."""
    right = [
        int(r.option_logprobs.argmax()) == row.gold for row, r in zip(rows, readings, strict=True)
    ]
    return sum(right) / len(right)


def largest_difference(ones: Sequence[Reading], others: Sequence[Reading]) -> float:
    """The largest difference of option log-probabilities, nats."""
    return max(
        float(abs(one.option_logprobs - other.option_logprobs).max())
        for one, other in zip(ones, others, strict=True)
    )
