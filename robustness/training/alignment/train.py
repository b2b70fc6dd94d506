"""Trains an adapter or all weights with the PT+KL loss; seeded, resumable, with early stopping.

`python -m robustness align` calls it.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from robustness.errors import MismatchError
from robustness.models import chat_formats
from robustness.models import checkpoint as checkpoints
from robustness.models.checkpoint import Checkpoint
from robustness.models.load_options import AUTO, Dtype, Loading
from robustness.models.scorers import Scorer, scorer_of
from robustness.models.soft_prompts import Front
from robustness.storage import files, provenance
from robustness.training.alignment import card, data, development
from robustness.training.alignment.data import Collections, Material
from robustness.training.alignment.development import Score
from robustness.training.alignment.forward import Forward
from robustness.training.alignment.recipe import AlignRecipe
from robustness.training.alignment.trainee import Trainee
from robustness.training.alignment.update import StepLoss, optimizer_of, rate, update
from robustness.types import Example

SCHEMA = 1
_LAYER = -1
"""Layer of the representations that a scorer returns, which are not used here."""
_COLUMNS = [
    "step", "loss", "cross_entropy", "divergence", "learning_rate", "tokens_per_second", "seconds",
    "observed_accuracy", "held_out_accuracy", "development_accuracy",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignProgress:
    """Progress of an alignment, reported at each evaluation."""

    step: int
    steps: int
    loss: float
    """Mean since the last report, nats."""
    cross_entropy: float
    divergence: float
    tokens_per_second: float
    accuracy: dict[str, float]
    """Evaluation set -> accuracy by options in [0, 1]."""


@dataclass(slots=True)
class _State:
    """State of a training besides weights and optimiser, saved in the checkpoint."""

    step: int = 0
    seconds: float = 0.0
    best_step: int = 0
    waited: int = 0
    best: dict[str, torch.Tensor] = field(default_factory=dict)
    best_rank: tuple[float, ...] = ()
    before: dict[str, dict[str, Any]] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)


@contextlib.contextmanager
def _serving(model: Any) -> Iterator[None]:
    """Leaves training mode, in which transformers makes no KV cache where it recomputes."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


def _scorer(loaded: Checkpoint, trainee: Trainee) -> Scorer:
    front = trainee.front()
    with _serving(loaded.model), torch.no_grad():
        return scorer_of(
            loaded, layer=_LAYER, fronts=[] if front is None else [front]
        ).scorer


@torch.no_grad()
def _scores(
    scorer: Scorer, material: Material, loaded: Checkpoint, front: Front | None
) -> dict[str, Score]:
    with _serving(loaded.model):
        return {
            name: development.score(scorer, cells, front)
            for name, cells in material.cells.items()
        }


def _resume(
    path: Path, identity: dict[str, Any], trainee: Trainee, optimizer: torch.optim.Optimizer
) -> _State:
    if not path.is_file():
        return _State()
    saved = torch.load(path, weights_only=True, map_location="cpu")
    different = [k for k, v in identity.items() if saved["identity"].get(k) != v]
    if different:
        raise MismatchError(
            f"{path} belongs to another alignment (different {', '.join(different)}); remove it or "
            "train into another folder"
        )
    trainee.restore(saved["weights"])
    optimizer.load_state_dict(saved["optimizer"])
    return _State(**saved["state"])


def _keep(
    path: Path, identity: dict[str, Any], trainee: Trainee, optimizer: torch.optim.Optimizer,
    state: _State,
) -> None:
    document = {
        "identity": identity, "weights": trainee.state(), "optimizer": optimizer.state_dict(),
        "state": {name: getattr(state, name) for name in _State.__slots__},
    }
    with files.atomic_path(path) as temporary:
        torch.save(document, temporary)


def _finish(
    recipe: AlignRecipe, trainee: Trainee, scorer: Scorer, material: Material, state: _State,
    prompt_format: str,
) -> None:
    trainee.restore(state.best)
    loaded = trainee.loaded
    after = _scores(scorer, material, loaded, trainee.front())
    record = {
        "schema": SCHEMA, "backbone": loaded.id, "revision": loaded.revision,
        "prompt_format": prompt_format, "recipe": recipe.record(), "steps": state.step,
        "best_step": state.best_step,
        "selected_by": material.selects, "seconds": round(state.seconds, 3),
        "before": state.before, "after": {n: asdict(s) for n, s in after.items()},
        "counts": dict(material.counts), "data": material.digest,
        "provenance": asdict(
            provenance.collect(schema=SCHEMA, seed=recipe.seed, seconds=state.seconds)
        ),
    }
    files.write_csv(recipe.out / "loss.csv", _COLUMNS, state.history)
    trainee.save(recipe.out, card.markdown(record))
    files.write_json(recipe.out / provenance.TRAINING_FILE, record)


def _report(
    state: _State, recipe: AlignRecipe, losses: Sequence[StepLoss], scores: dict[str, Score],
    seconds: float,
) -> AlignProgress:
    count = len(losses)
    progress = AlignProgress(
        step=state.step, steps=recipe.steps,
        loss=sum(x.total for x in losses) / count,
        cross_entropy=sum(x.cross_entropy for x in losses) / count,
        divergence=sum(x.divergence for x in losses) / count,
        tokens_per_second=sum(x.tokens for x in losses) / max(seconds, 1e-9),
        accuracy={name: s.accuracy for name, s in scores.items()},
    )
    state.history.append({
        "step": state.step, "loss": progress.loss, "cross_entropy": progress.cross_entropy,
        "divergence": progress.divergence,
        "learning_rate": float(recipe.learning_rate or 0) * rate(state.step - 1, recipe),
        "tokens_per_second": round(progress.tokens_per_second, 1),
        "seconds": round(state.seconds, 3),
        **{f"{name}_accuracy": s.accuracy for name, s in scores.items()},
    })
    return progress


def train(
    recipe: AlignRecipe,
    *,
    model: str | Path,
    on_progress: Callable[[AlignProgress], None],
    examples: Sequence[Example] | None = None,
    collections: Collections | None = None,
    nltk_data: Path | None = None,
    device: str = AUTO,
    loading: Loading | None = None,
    prompt_format: str = chat_formats.NONE,
) -> Path:
    """Aligns a backbone, or resumes an interrupted alignment.

    Args:
        recipe: The settings and the folder of the result.
        model: The backbone's folder or its name on the hub; it is not changed.
        on_progress: Called at each evaluation.
        examples: Labelled inputs; None: the embedded backbone's training inputs.
        collections: Instruction collections; None: the shipped observed ones and paraphrases. The
            best update is selected by `development` where given, else by held-out paraphrases.
        nltk_data: Folder with NLTK's `corpora`.
        device: The device, where `loading` is not given.
        loading: Revision, device, number type, and whether the model's own code may run. All
            weights are trained in float32 unless it says otherwise, since small updates are lost
            in half precision.
        prompt_format: Name of the chat format with which the model will be served: see
            `chat_formats.choose`.

    Returns:
        `recipe.out`, which holds a PEFT adapter (or, for `ft` and `ft+kl`, the whole model), its
        model card `README.md`, `training.json` and `loss.csv`.

    Raises:
        NotFoundError: The model, a collection or a corpus is missing.
        InputError: There is no training data, or the prefix leaves too little room for prompts.
        MismatchError: The checkpoint in `recipe.out` belongs to another recipe, backbone or data.
    """
    asked = loading or Loading(device=device)
    if recipe.kind is None and asked.dtype == Dtype.AUTO:
        asked = replace(asked, dtype=Dtype.FLOAT32)
    loaded = checkpoints.load(model, loading=asked)
    around = chat_formats.choose(
        prompt_format, str(model), loaded.tokenizer, asked.template
    )
    material = data.gather(
        recipe, loaded, examples=examples, collections=collections or Collections(),
        nltk_data=nltk_data, prompt_format=around,
    )
    forward = Forward(loaded, gradient_checkpointing=recipe.gradient_checkpointing)
    trainee = Trainee(recipe, loaded)
    scorer = _scorer(loaded, trainee)
    optimizer = optimizer_of(recipe, trainee)
    path = recipe.out / provenance.CHECKPOINT_FILE
    identity = {
        "recipe": recipe.record(), "backbone": loaded.id, "revision": loaded.revision,
        "data": material.digest, "prompt_format": around.name,
    }
    state = _resume(path, identity, trainee, optimizer)
    if not state.before:
        first = _scores(scorer, material, loaded, None)
        state.before = {name: asdict(s) for name, s in first.items()}
    losses: list[StepLoss] = []
    since = time.monotonic()
    while state.step < recipe.steps and state.waited < recipe.patience:
        drawn = material.pool.step(state.step, recipe.instances, recipe.paraphrases)
        losses.append(update(recipe, forward, drawn, trainee, optimizer, state.step))
        state.step += 1
        if state.step % recipe.eval_every and state.step != recipe.steps:
            continue
        trained = time.monotonic() - since
        scores = _scores(scorer, material, loaded, trainee.front())
        rank = development.rank(
            scores, material.selects, state.before.get("observed"), recipe.observed_cost
        )
        state.waited += 1
        if rank > state.best_rank:
            state.best, state.best_rank = trainee.state(), rank
            state.best_step, state.waited = state.step, 0
        state.seconds += time.monotonic() - since
        progress = _report(state, recipe, losses, scores, trained)
        _keep(path, identity, trainee, optimizer, state)
        losses, since = [], time.monotonic()
        on_progress(progress)
    _finish(recipe, trainee, scorer, material, state, around.name)
    path.unlink(missing_ok=True)
    return recipe.out
