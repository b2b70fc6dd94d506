"""A soft prompt (input prefix) as a PEFT adapter: created with its MLP, applied, and saved.

The prefix is n virtual tokens in front of the input embeddings. During training it is the output of
an MLP on n trained embeddings (reparameterisation, PEFT's P-tuning encoder); saved is the result.
Does not load adapters for serving; see `adapters`.
"""

import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch
from peft import PromptEncoderConfig, TaskType, get_peft_model

from robustness.errors import InputError
from robustness.models.checkpoint import Checkpoint

_FIRST_SCALE = 0.01
"""Scale of the MLP's last weights: virtual tokens start similar, but not identical."""
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors", "README.md")


def check_room(checkpoint: Checkpoint, virtual_tokens: int) -> None:
    """Checks that a prefix leaves at least half of the context for prompts.

    Raises:
        InputError: The prefix is too long, or empty.
    """
    if not 0 < virtual_tokens < checkpoint.context // 2:
        raise InputError(
            f"virtual_tokens is {virtual_tokens}; {checkpoint.id} reads {checkpoint.context} "
            f"tokens, so choose 1 to {checkpoint.context // 2 - 1}"
        )


def create(checkpoint: Checkpoint, *, virtual_tokens: int, hidden: int | None, seed: int) -> Any:
    """Adds a new prefix to the backbone, whose weights are frozen.

    Args:
        checkpoint: The backbone.
        virtual_tokens: Number of virtual tokens.
        hidden: Hidden width of the MLP; None: the width of the backbone.
        seed: Seed of the initial values.

    Returns:
        PEFT's model; `table` gives its prefix, `save` writes it.

    Raises:
        InputError: The prefix leaves too little room for a prompt.
    """
    check_room(checkpoint, virtual_tokens)
    width = int(checkpoint.model.get_input_embeddings().weight.shape[1])
    config = PromptEncoderConfig(
        task_type=TaskType.SEQ_2_SEQ_LM if checkpoint.encoder_decoder else TaskType.CAUSAL_LM,
        num_virtual_tokens=virtual_tokens,
        encoder_reparameterization_type="MLP",
        encoder_hidden_size=hidden or width,
        # Two is PEFT's default for encoder-decoder models; the second half is never trained.
        num_transformer_submodules=1,
    )
    with torch.random.fork_rng(), warnings.catch_warnings():
        # PEFT 0.21 asks transformers 5 for a property under its old name.
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing`")
        torch.manual_seed(seed)
        peft = get_peft_model(checkpoint.model, config)
    _begin_harmless(peft, checkpoint)
    peft.peft_config["default"].base_model_name_or_path = checkpoint.id
    peft.peft_config["default"].revision = None
    return peft


@torch.no_grad()
def _begin_harmless(peft: Any, checkpoint: Checkpoint) -> None:
    """Initialises every virtual token near the embedding of the beginning-of-text token.

    PEFT's random initialisation lowers the backbone's accuracy at first, which training then has to
    recover; ARCHITECTURE.md gives the numbers.
    """
    first = checkpoint.tokenizer.bos_token_id
    last = peft.prompt_encoder["default"].mlp_head[-1]
    embeddings = checkpoint.model.get_input_embeddings().weight
    last.weight.mul_(_FIRST_SCALE)
    last.bias.copy_(embeddings[checkpoint.end if first is None else first])


def parameters(peft: Any) -> list[torch.nn.Parameter]:
    """The trained parameters: embeddings of the virtual tokens, and the MLP."""
    return list(peft.prompt_encoder["default"].parameters())


def table(peft: Any) -> torch.Tensor:
    """The prefix (n, D) with gradient; a deep prefix in PEFT's packed form."""
    tokens = peft.prompt_tokens["default"].to(parameters(peft)[0].device)
    rows: torch.Tensor = peft.prompt_encoder["default"](tokens.unsqueeze(0))[0]
    return rows


def apply(
    embeds: torch.Tensor, mask: torch.Tensor, prefix: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Puts a prefix in front of embedded prompts.

    Args:
        embeds: (B, T, D) embeddings, padded on either side.
        mask: (B, T) int64: 1 at tokens, 0 at padding.
        prefix: (n, D), or None.

    Returns:
        Embeddings (B, n + T, D), mask (B, n + T) int64, and positions (B, n + T) int64 that count
        tokens but not padding.
    """
    if prefix is not None:
        rows = prefix.to(embeds.dtype).expand(len(embeds), -1, -1)
        embeds = torch.cat([rows, embeds], dim=1)
        mask = torch.cat([mask.new_ones(rows.shape[:2]), mask], dim=1)
    return embeds, mask, (mask.cumsum(-1) - 1).clamp(0)


def save(peft: Any, folder: Path, card: str) -> Path:
    """Writes an adapter in PEFT's format, with its model card.

    Args:
        peft: PEFT's model, with a prefix or LoRA.
        folder: Receives `adapter_config.json`, `adapter_model.safetensors` and `README.md`; other
            files in it are kept.
        card: The model card as Markdown.

    Returns:
        The folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".adapter.") as name:
        made = Path(name)
        # By default PEFT queries the hub for whether the backbone's vocabulary was changed.
        peft.save_pretrained(made, save_embedding_layers=False)
        (made / "README.md").write_text(card, encoding="utf-8")
        for file in ADAPTER_FILES:
            (made / file).chmod(0o644)
            shutil.move(made / file, folder / file)
    return folder
