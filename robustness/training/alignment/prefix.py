"""A soft prefix as a PEFT adapter: made by an MLP, put in front of embeddings, saved.

Refuses to know the loss and the data. `checkpoint.load_prefix` reads what `save` writes.
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
"""Of the MLP's last weights: rows begin alike, but not so alike that they stay so."""
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors", "README.md")


def check_room(checkpoint: Checkpoint, virtual_tokens: int) -> None:
    """Looks that a prefix leaves at least half of the context to prompts.

    Raises:
        InputError: It does not.
    """
    if not 0 < virtual_tokens < checkpoint.context // 2:
        raise InputError(
            f"virtual_tokens is {virtual_tokens}; {checkpoint.id} reads {checkpoint.context} "
            f"tokens, so choose 1 to {checkpoint.context // 2 - 1}"
        )


def create(checkpoint: Checkpoint, *, virtual_tokens: int, hidden: int | None, seed: int) -> Any:
    """Wraps the backbone, whose weights are frozen, in a new prefix.

    Args:
        checkpoint: The backbone.
        virtual_tokens: Rows of the prefix.
        hidden: Width inside the MLP; None: the backbone's.
        seed: Of the first values.

    Returns:
        PEFT's model; `table` reads its prefix, `save` writes it.

    Raises:
        InputError: The prefix leaves no room for a prompt.
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
    """Lets every row begin near the embedding of the token that begins a text.

    PEFT's random rows cost the backbone what the training then spends its time on winning back;
    ARCHITECTURE.md says how much.
    """
    first = checkpoint.tokenizer.bos_token_id
    last = peft.prompt_encoder["default"].mlp_head[-1]
    embeddings = checkpoint.model.get_input_embeddings().weight
    last.weight.mul_(_FIRST_SCALE)
    last.bias.copy_(embeddings[checkpoint.end if first is None else first])


def parameters(peft: Any) -> list[torch.nn.Parameter]:
    """What is trained: the virtual tokens and their MLP."""
    return list(peft.prompt_encoder["default"].parameters())


def table(peft: Any) -> torch.Tensor:
    """The prefix, (n, D), with its gradient; a deep one as PEFT packs it."""
    tokens = peft.prompt_tokens["default"].to(parameters(peft)[0].device)
    rows: torch.Tensor = peft.prompt_encoder["default"](tokens.unsqueeze(0))[0]
    return rows


def apply(
    embeds: torch.Tensor, mask: torch.Tensor, prefix: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Puts a prefix in front of embedded prompts.

    Args:
        embeds: (B, T, D), padded on either side.
        mask: (B, T) int64, 1 where there is a token.
        prefix: (n, D), or None.

    Returns:
        Embeddings (B, n + T, D), mask (B, n + T) int64 and positions (B, n + T) int64, which count
        tokens and not pads.
    """
    if prefix is not None:
        rows = prefix.to(embeds.dtype).expand(len(embeds), -1, -1)
        embeds = torch.cat([rows, embeds], dim=1)
        mask = torch.cat([mask.new_ones(rows.shape[:2]), mask], dim=1)
    return embeds, mask, (mask.cumsum(-1) - 1).clamp(0)


def save(peft: Any, folder: Path, card: str) -> Path:
    """Writes the adapter in PEFT's format, with its card.

    Args:
        peft: PEFT's model with a prefix or with LoRA.
        folder: Gets `adapter_config.json`, `adapter_model.safetensors` and `README.md`; other files
            there stay.
        card: Markdown.

    Returns:
        The folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".adapter.") as name:
        made = Path(name)
        # By default PEFT asks the hub whether the backbone's vocabulary has grown.
        peft.save_pretrained(made, save_embedding_layers=False)
        (made / "README.md").write_text(card, encoding="utf-8")
        for file in ADAPTER_FILES:
            (made / file).chmod(0o644)
            shutil.move(made / file, folder / file)
    return folder
