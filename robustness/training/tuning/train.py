"""Tunes a pretrained model on instructions: the first layers kept, the upper ones of them tuned.

Seeded and resumable: a checkpoint is written every few minutes and at the end of the time given.
`python -m robustness backbone tune --preset cpu` calls it.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from robustness.data.tasks import builtin, builtin_names
from robustness.errors import InputError, MismatchError
from robustness.models import chat_formats
from robustness.models.checkpoint import weights_digest
from robustness.models.load_options import PromptFormat
from robustness.storage import files, provenance
from robustness.training.backbone import corpora
from robustness.training.backbone.train import Progress
from robustness.training.learning_rate import schedule
from robustness.training.tuning import development, mixture, shared_inputs
from robustness.training.tuning.packs import Pack, pack, predictions, together
from robustness.training.tuning.recipe import TuningRecipe
from robustness.types import Example, Provenance

SCHEMA = 1
DEVELOPMENT = "development.jsonl"
"""File of the measurements during a tuning, one a line."""
MEASURED = (
    "polarity", "subjectivity", "pros_cons", "question_type", "dialogue_act", "language", "place",
    "scene_topic", "scene_indoors", "food", "scene_night",
)
"""Tasks that are measured during a tuning; the last two are not tuned on."""


def _truncated(base: Path, recipe: TuningRecipe) -> Any:
    """The model with its first layers only, in float32; those that are tuned take gradients."""
    config = AutoConfig.from_pretrained(base)
    if not 0 <= recipe.frozen < recipe.layers <= config.num_hidden_layers:
        raise InputError(
            f"{base} has {config.num_hidden_layers} layers; found layers {recipe.layers} and "
            f"frozen {recipe.frozen}: keep at most all, and freeze fewer than are kept"
        )
    config.num_hidden_layers = recipe.layers
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[: recipe.layers]
    before = transformers_logging.get_verbosity()
    # transformers warns of the layers that are left out.
    transformers_logging.set_verbosity_error()
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(base, config=config, dtype=torch.float32)
    finally:
        transformers_logging.set_verbosity(before)
    model.requires_grad_(False)
    for layer in model.model.layers[recipe.frozen :]:
        layer.requires_grad_(True)
    model.model.norm.requires_grad_(True)
    return model


def _tuned(model: Any) -> dict[str, torch.nn.Parameter]:
    """Name -> parameter that is tuned."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def prepare(
    recipe: TuningRecipe, base: Path, folder: Path | None
) -> tuple[mixture.TuningMixture, dict[str, list[Example]]]:
    """The training data, and the development inputs by task.

    Args:
        recipe: The settings.
        base: Folder of the pretrained model.
        folder: Data folder with `nltk_data` and `alpaca`; None: NLTK's own search path and no
            conversations.

    Raises:
        NotFoundError: Data is missing; the message says how to get it.
        InputError: Conversations are asked for and there is no data folder.
    """
    corpora.use(None if folder is None else folder / "nltk_data")
    if recipe.chat_share and folder is None:
        raise InputError(
            f"a share of {recipe.chat_share:g} of conversations needs a data folder with "
            f"{mixture.CONVERSATIONS}; name it with --data or in STEADFAST_DATA, or leave them out "
            "with: --set chat_share=0"
        )
    real = corpora.labelled()
    shipped = [e for name in builtin_names() for e in builtin(name).examples]
    tokenizer = AutoTokenizer.from_pretrained(base)
    made = mixture.TuningMixture(
        recipe=recipe,
        tokenizer=tokenizer,
        chat=chat_formats.choose(PromptFormat.AUTO, str(base), tokenizer),
        instructions=shared_inputs.asked(),
        sources=shared_inputs.sources(
            real, frozenset(next(iter(e.fields.values())) for e in shipped)
        ),
        conversations=mixture.conversations(folder) if folder and recipe.chat_share else (),
    )
    return made, {task: _development(task, real, recipe) for task in MEASURED}


def _development(task: str, real: Sequence[Example], recipe: TuningRecipe) -> list[Example]:
    """Development inputs of a task: of its corpus, else those that ship; evenly spaced."""
    known = [e for e in real if e.task == task and e.split == "dev"]
    known = known or [e for e in builtin(task).split("dev") if e.answer is not None]
    spaced = np.linspace(0, len(known) - 1, min(recipe.development_inputs, len(known)))
    return [known[round(n)] for n in spaced]


@dataclass(slots=True)
class _Tally:
    """Losses and right answers since the last report."""

    since: float
    losses: list[float] = field(default_factory=list)
    right: dict[str, list[bool]] = field(default_factory=dict)
    tokens: int = 0

    def report(self, update: int, updates: int) -> Progress:
        return Progress(
            step=update, steps=updates, loss=float(np.mean(self.losses)),
            tokens_per_second=self.tokens / (time.monotonic() - self.since),
            accuracy={name: sum(r) / len(r) for name, r in sorted(self.right.items())},
        )


@dataclass(frozen=True, slots=True)
class _Updates(Dataset[list[Pack]]):
    """The forward passes of every update, as many packs in each as the recipe says."""

    made: mixture.TuningMixture

    def __getitem__(self, number: int) -> list[Pack]:
        packs = [pack(sequences) for sequences in self.made.update(number)]
        size = self.made.recipe.together
        return [together(packs[n : n + size]) for n in range(0, len(packs), size)]


def _batches(made: mixture.TuningMixture, first: int) -> Iterator[list[Pack]]:
    """The updates from a numbered one on, made by processes of their own if the recipe has any."""
    recipe = made.recipe
    return iter(
        DataLoader(
            _Updates(made), batch_size=None, sampler=range(first, recipe.updates),
            num_workers=recipe.workers,
            # A process that is forked from one with threads of its own may never go on.
            multiprocessing_context="spawn" if recipe.workers else None,
        )
    )


def _backward(model: Any, recipe: TuningRecipe, packs: Sequence[Pack], tally: _Tally) -> None:
    """Gradients of one update: the mean over its sequences of their weighted loss, nats."""
    total = sum(len(one.names) for one in packs)
    device = torch.device(recipe.device)
    for made in packs:
        small = recipe.number_type == "bfloat16"
        with torch.autocast(recipe.device, torch.bfloat16, enabled=small):
            scores = predictions(model, made, device)
        wanted = made.wanted.to(device)
        nats = -scores.gather(1, wanted[:, None])[:, 0]
        loss = (nats * made.weights.to(device)).sum()
        (loss / total).backward()  # type: ignore[no-untyped-call]
        tally.losses.append(float(loss.detach()) / len(made.names))
        tally.tokens += made.tokens
        hits = (scores.detach().argmax(-1) == wanted).cpu()
        for number, name in enumerate(made.names):
            own = hits[made.owners == number]
            tally.right.setdefault(name, []).append(bool(own.all()))


class _Run:
    """A tuning in progress: model, optimizer, and what a checkpoint holds."""

    def __init__(self, recipe: TuningRecipe, base: Path, out: Path) -> None:
        self.recipe = recipe
        self.out = out
        self.base = weights_digest(base)
        self.model = _truncated(base, recipe)
        self.model.to(recipe.device).train()
        tuned = _tuned(self.model).values()
        groups: list[dict[str, Any]] = [
            {"params": [p for p in tuned if p.ndim > 1]},
            {"params": [p for p in tuned if p.ndim < 2], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(
            groups, lr=recipe.learning_rate, betas=(0.9, 0.98),
            weight_decay=recipe.weight_decay, fused=True,
        )
        self.update, self.seconds, self.tokens, self.measured = 0, 0.0, 0, 0.0

    def resume(self) -> None:
        """Goes on from a checkpoint, where there is one.

        Raises:
            MismatchError: It belongs to another recipe or to another model.
        """
        path = self.out / provenance.CHECKPOINT_FILE
        if not path.is_file():
            return
        saved = torch.load(path, weights_only=True, map_location=self.recipe.device)
        if saved["recipe"] != asdict(self.recipe) or saved["base"] != self.base:
            raise MismatchError(
                f"{path} belongs to another recipe or another model; remove it or tune into "
                "another folder"
            )
        for name, parameter in _tuned(self.model).items():
            parameter.data.copy_(saved["tuned"][name])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.update, self.tokens = saved["update"], saved["tokens"]
        self.seconds, self.measured = saved["seconds"], saved["measured"]

    def save(self, seconds: float) -> None:
        """Writes a checkpoint, atomically."""
        tuned = {name: p.detach() for name, p in _tuned(self.model).items()}
        with files.atomic_path(self.out / provenance.CHECKPOINT_FILE) as temporary:
            torch.save(
                {
                    "recipe": asdict(self.recipe), "base": self.base, "tuned": tuned,
                    "optimizer": self.optimizer.state_dict(), "update": self.update,
                    "seconds": seconds, "tokens": self.tokens, "measured": self.measured,
                },
                temporary,
            )

    def measure(
        self, made: mixture.TuningMixture, held: Mapping[str, Sequence[Example]], seconds: float
    ) -> None:
        """Adds a line to the measurements."""
        found = development.measure(self.model, made, held)
        path = self.out / DEVELOPMENT
        rows = files.read_jsonl(path) if path.is_file() else []
        row = {"update": self.update, "seconds": round(seconds), "tokens": self.tokens}
        files.write_jsonl(path, [*rows, row | {"accuracy": found}])
        self.measured = seconds


def tune(
    recipe: TuningRecipe,
    base: Path,
    out: Path,
    *,
    folder: Path | None,
    on_progress: Callable[[Progress], None],
    seconds: float | None = None,
) -> Path:
    """Tunes a model, or resumes an interrupted tuning.

    Args:
        recipe: The settings.
        base: Folder of the pretrained model, e.g. that of `packaged.fetch`.
        out: Folder of the result; it holds `checkpoint.pt` meanwhile, and `development.jsonl`.
        folder: Data folder: see `prepare`.
        on_progress: Called at every checkpoint.
        seconds: Stop after this time, with a checkpoint; the same call resumes.

    Returns:
        `out`, with the model (float16), its tokenizer and `training.json`; with `checkpoint.pt`
        only, where the time ran out.

    Raises:
        NotFoundError, InputError: See `prepare`; or the recipe does not fit model or machine.
        MismatchError: The checkpoint in the folder belongs to another recipe or model.
    """
    if recipe.device == "cuda" and not torch.cuda.is_available():
        raise InputError("this recipe needs a GPU, and torch finds none; use --preset cpu")
    torch.set_num_threads(recipe.threads)
    made_by = provenance.collect(schema=SCHEMA, seed=recipe.seed)
    out.mkdir(parents=True, exist_ok=True)
    made, held = prepare(recipe, base, folder)
    run = _Run(recipe, base, out)
    run.resume()
    share = schedule(warmup=recipe.warmup, steps=recipe.updates, least=0.05)
    started, before = time.monotonic(), run.seconds
    tally, saved = _Tally(started), started
    for packs in _batches(made, run.update):
        _backward(run.model, recipe, packs, tally)
        torch.nn.utils.clip_grad_norm_(_tuned(run.model).values(), 1.0)
        for group in run.optimizer.param_groups:
            group["lr"] = recipe.learning_rate * share(run.update)
        run.optimizer.step()
        run.optimizer.zero_grad(set_to_none=True)
        run.update += 1
        now = time.monotonic()
        spent = before + now - started
        last = run.update == recipe.updates
        stopped = seconds is not None and now - started > seconds
        if last or stopped or now - saved >= recipe.checkpoint_seconds:
            run.tokens += tally.tokens
            on_progress(tally.report(run.update, recipe.updates))
            if last or spent - run.measured >= recipe.development_seconds:
                run.save(spent)
                run.measure(made, held, spent)
            run.save(spent)
            tally = _Tally(time.monotonic())
            saved = tally.since
            if stopped and not last:
                return out
    _save(run, made, replace(made_by, seconds=round(before + time.monotonic() - started, 1)))
    return out


def _save(run: _Run, made: mixture.TuningMixture, made_by: Provenance) -> None:
    """Writes the finished model and removes the checkpoint."""
    run.model.eval().to("cpu", torch.float16).save_pretrained(run.out)
    made.tokenizer.save_pretrained(run.out)
    tuned = _tuned(run.model)
    files.write_json(
        run.out / provenance.TRAINING_FILE,
        {
            "schema": SCHEMA, "recipe": asdict(run.recipe), "seconds": made_by.seconds,
            "tokens": run.tokens, "base": run.base,
            "parameters": sum(p.numel() for p in run.model.parameters()),
            "tuned": sum(p.numel() for p in tuned.values()), "provenance": made_by,
        },
    )
    (run.out / provenance.CHECKPOINT_FILE).unlink(missing_ok=True)
