"""Trains the embedded backbone from scratch; seeded, resumable, with averaged weights.

`python -m robustness backbone train --preset cpu` calls it.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
from torch.utils.data import DataLoader, Dataset
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from robustness.data import instructions
from robustness.errors import InputError, MismatchError
from robustness.storage import files, provenance
from robustness.training.backbone import corpora, data, embeddings, tokenizer
from robustness.training.backbone.batches import IGNORED, RUNNING, Mixture, TrainingSequence
from robustness.training.backbone.recipe import Recipe
from robustness.training.learning_rate import schedule
from robustness.types import Example, Provenance

SCHEMA = 1

_Part = tuple[Sequence[TrainingSequence], torch.Tensor, torch.Tensor]
"""The sequences of one loss, with their padded ids and labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Progress of a training, reported at each checkpoint."""

    step: int
    steps: int
    loss: float
    """Mean over answer tokens since the last report, nats."""
    tokens_per_second: float
    accuracy: dict[str, float]
    """Task -> share of answers with all tokens right by teacher forcing, on training batches."""


def _model(recipe: Recipe, words: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=recipe.hidden,
        intermediate_size=recipe.feed_forward,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        max_position_embeddings=recipe.context,
        tie_word_embeddings=True,
        attention_dropout=recipe.dropout,
        initializer_range=recipe.initial_scale / recipe.hidden**0.5,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )
    return LlamaForCausalLM(config)


def pad(sequences: Sequence[TrainingSequence], fill: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Right-padded ids and labels, each (N, T) int64."""
    longest = max(len(s.ids) for s in sequences)
    ids = torch.full((len(sequences), longest), fill)
    labels = torch.full((len(sequences), longest), IGNORED)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence.ids)] = torch.tensor(sequence.ids)
        labels[row, : len(sequence.ids)] = torch.tensor(sequence.labels)
    return ids, labels


def answer_loss(
    model: LlamaForCausalLM, ids: torch.Tensor, labels: torch.Tensor, embedding_dropout: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross-entropy at the answers' positions; the output head is applied only there.

    Padding is on the right, where no token of a causal model attends to it, so no attention mask is
    needed.

    Args:
        model: The model.
        ids: (N, T) int64.
        labels: (N, T) int64, `IGNORED` where nothing is predicted.
        embedding_dropout: Dropout of the embeddings.

    Returns:
        The summed loss (scalar, nats), and (A,) bool: whether each of the A predicted tokens is
        right.
    """
    embedded = model.get_input_embeddings()(ids)
    embedded = torch.nn.functional.dropout(embedded, embedding_dropout, model.training)
    hidden = model.model(inputs_embeds=embedded, use_cache=False).last_hidden_state
    wanted = labels[:, 1:]
    at = wanted != IGNORED
    logits = model.lm_head(hidden[:, :-1][at])
    loss = torch.nn.functional.cross_entropy(logits, wanted[at], reduction="sum")
    return loss, logits.argmax(-1) == wanted[at]


def _optimizer(model: LlamaForCausalLM, recipe: Recipe) -> torch.optim.AdamW:
    table = model.get_input_embeddings().weight
    others = [p for p in model.parameters() if p is not table]
    return torch.optim.AdamW(
        [
            {"params": [p for p in others if p.ndim > 1], "peak": recipe.learning_rate},
            {
                "params": [p for p in others if p.ndim < 2],
                "peak": recipe.learning_rate,
                "weight_decay": 0.0,
            },
            {"params": [table], "peak": recipe.embedding_rate, "weight_decay": 0.0},
        ],
        lr=recipe.learning_rate,
        betas=(0.9, 0.98),
        weight_decay=recipe.weight_decay,
        fused=True,
    )


def _texts(mixture_seed: int, real: Sequence[Example], running: Sequence[str]) -> list[str]:
    made = data.generated(mixture_seed + 1, 1500, "train")
    rows = [text for e in (*real, *made) for text in e.fields.values()]
    labels = [f"{o}\n{o.capitalize()}\n" for e in made for o in e.options]
    written = [i.text for i in instructions.builtin(instructions.OBSERVED) for _ in range(20)]
    words = [
        w for i in instructions.builtin(instructions.OBSERVED) for w in i.label_words.values()
    ] * 50
    return [*rows, *labels, *written, *words, *running]


def prepare(recipe: Recipe, nltk_data: Path | None) -> tuple[Mixture, LlamaForCausalLM]:
    """Prepares data, tokenizer and a model with initial embeddings from co-occurrence.

    Args:
        recipe: The settings.
        nltk_data: Folder with NLTK's `corpora`; None: NLTK's own search path.

    Raises:
        NotFoundError: A corpus or the observed instructions are missing.
    """
    corpora.use(nltk_data)
    real = [e for e in corpora.labelled() if e.split == "train"]
    running = corpora.running(recipe.running_words)
    texts = _texts(recipe.seed, real, running)
    words = tokenizer.train(texts, recipe.vocabulary, recipe.context)
    observed = instructions.builtin(instructions.OBSERVED)
    tasks = {i.task for i in observed if i.task}
    torch.manual_seed(recipe.seed)
    model = _model(recipe, words)
    encoded = words(texts, add_special_tokens=False)["input_ids"]
    width = recipe.hidden - recipe.identity_width
    table = embeddings.ppmi_svd(encoded, len(words), width, window=5, seed=recipe.seed)
    with torch.no_grad():
        first = model.get_input_embeddings().weight
        first[:, :width] = torch.from_numpy(table)
        first[:, width:].normal_(std=recipe.identity_scale)
    held_out = {next(iter(e.fields.values())) for t in data.shipped_tasks() for e in t.examples}
    mixture = Mixture(
        recipe=recipe,
        tokenizer=words,
        observed={task: [i for i in observed if i.task == task] for task in tasks},
        real=data.by_task(real),
        running_text=running,
        held_out=frozenset(held_out),
    )
    return mixture, model


class _Steps(Dataset[list[_Part]]):
    """The batches of a training by step number, so that worker processes can make them."""

    def __init__(self, mixture: Mixture) -> None:
        self._mixture = mixture

    def __len__(self) -> int:
        return self._mixture.recipe.steps

    def __getitem__(self, number: int) -> list[_Part]:
        fill = self._mixture.tokenizer.pad_token_id
        return [(part, *pad(part, fill)) for part in self._mixture.step(number)]


@dataclass(slots=True)
class _Tally:
    """Losses and hits since the last report."""

    since: float
    losses: list[float] = field(default_factory=list)
    right: dict[str, list[bool]] = field(default_factory=dict)
    tokens: int = 0

    def add(self, part: Sequence[TrainingSequence], loss: float, hits: torch.Tensor) -> None:
        self.losses.append(loss)
        self.tokens += sum(len(s.ids) for s in part)
        cursor = 0
        for sequence in part:
            # Nothing predicts the first token.
            wanted = sum(label != IGNORED for label in sequence.labels[1:])
            own = hits[cursor : cursor + wanted]
            cursor += wanted
            known = self.right.setdefault(sequence.task, [])
            known += own.tolist() if sequence.task == RUNNING else [bool(own.all())]

    def report(self, step: int, steps: int) -> Progress:
        return Progress(
            step=step,
            steps=steps,
            loss=sum(self.losses) / len(self.losses),
            tokens_per_second=self.tokens / (time.monotonic() - self.since),
            accuracy={task: sum(r) / len(r) for task, r in sorted(self.right.items())},
        )


def train(
    recipe: Recipe,
    out: Path,
    *,
    nltk_data: Path | None,
    on_progress: Callable[[Progress], None],
    seconds: float | None = None,
) -> Path:
    """Trains a backbone, or resumes an interrupted training.

    Args:
        recipe: The settings.
        out: Folder of the result; it holds `checkpoint.pt` during training.
        nltk_data: Folder with NLTK's `corpora`; None: NLTK's own search path.
        on_progress: Called every `checkpoint_every` steps.
        seconds: Stop at the first checkpoint after this time; the same call resumes.

    Returns:
        `out`, with `config.json`, `model.safetensors` (float16), the tokenizer and `training.json`;
        with `checkpoint.pt` only, where the time ran out.

    Raises:
        NotFoundError: Data is missing; the message says how to get it.
        MismatchError: The checkpoint in the folder belongs to another recipe.
        InputError: The recipe needs a GPU and there is none.
    """
    if recipe.device == "cuda" and not torch.cuda.is_available():
        raise InputError("this recipe needs a GPU, and torch finds none; use --preset cpu")
    torch.set_num_threads(recipe.threads)
    # Collected before anything is written: the folder may belong to this repository.
    made = provenance.collect(schema=SCHEMA, seed=recipe.seed)
    out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    mixture, model = prepare(recipe, nltk_data)
    model.to(recipe.device).train()
    optimizer = _optimizer(model, recipe)
    average = {name: p.detach().clone() for name, p in model.named_parameters()}
    checkpoint = out / provenance.CHECKPOINT_FILE
    step, spent, tokens = 0, 0.0, 0
    if checkpoint.is_file():
        saved = torch.load(checkpoint, weights_only=True, map_location=recipe.device)
        if saved["recipe"] != asdict(recipe):
            raise MismatchError(
                f"{checkpoint} belongs to another recipe; remove it or train into another folder"
            )
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        average, step, spent, tokens = (
            saved["average"],
            saved["step"],
            saved["seconds"],
            saved["tokens"],
        )
    batches = DataLoader(
        _Steps(mixture), batch_size=None, sampler=range(step, recipe.steps),
        num_workers=recipe.workers,
    )
    share = schedule(warmup=recipe.warmup, steps=recipe.steps, least=0.05)
    tally = _Tally(time.monotonic())
    for parts in batches:
        # Seeded for each step, so that dropout is the same after resuming.
        torch.manual_seed(recipe.seed * 1_000_003 + step)
        for part, ids, labels in parts:
            loss, hits = _backward(model, recipe, part[0].task == RUNNING, ids, labels)
            tally.add(part, loss, hits)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * share(step)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        # Exponential moving average of the weights, with a shorter memory in the first steps.
        decay = min(recipe.average, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                average[name].lerp_(parameter, 1 - decay)
        step += 1
        if step % recipe.checkpoint_every == 0 or step == recipe.steps:
            on_progress(tally.report(step, recipe.steps))
            tokens += tally.tokens
            tally = _Tally(time.monotonic())
            passed = time.monotonic() - started
            with files.atomic_path(checkpoint) as temporary:
                torch.save(
                    {
                        "recipe": asdict(recipe),
                        "model": model.state_dict(),
                        "optimizer": optimizer.state_dict(),
                        "average": average,
                        "step": step,
                        "seconds": spent + passed,
                        "tokens": tokens,
                    },
                    temporary,
                )
            if step < recipe.steps and seconds is not None and passed > seconds:
                return out
    seconds_spent = spent + time.monotonic() - started
    _save(model, average, mixture, out, tokens, replace(made, seconds=round(seconds_spent, 1)))
    checkpoint.unlink(missing_ok=True)
    return out


def _backward(
    model: LlamaForCausalLM, recipe: Recipe, running: bool, ids: torch.Tensor, labels: torch.Tensor
) -> tuple[float, torch.Tensor]:
    """Backward pass of one part of a step; returns its mean loss in nats and the right tokens."""
    ids, labels = ids.to(recipe.device), labels.to(recipe.device)
    with torch.autocast(recipe.device, torch.bfloat16, enabled=recipe.device == "cuda"):
        loss, hits = answer_loss(model, ids, labels, recipe.embedding_dropout)
    mean = loss / max(1, len(hits))
    weight = recipe.running_weight if running else 1.0
    (weight * mean).backward()  # type: ignore[no-untyped-call]
    return mean.item(), hits.cpu()


def _save(
    model: LlamaForCausalLM,
    average: dict[str, torch.Tensor],
    mixture: Mixture,
    out: Path,
    tokens: int,
    made: Provenance,
) -> None:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(average[name])
    model.eval().to("cpu", torch.float16).save_pretrained(out)
    mixture.tokenizer.save_pretrained(out)
    recipe = mixture.recipe
    files.write_json(
        out / provenance.TRAINING_FILE,
        {
            "schema": SCHEMA,
            "recipe": asdict(recipe),
            "seconds": made.seconds,
            "tokens": tokens,
            "parameters": sum(p.numel() for p in model.parameters()),
            "provenance": made,
        },
    )
