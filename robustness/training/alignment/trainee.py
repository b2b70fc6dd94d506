"""The backbone together with the parameters that are trained: a prefix, LoRA, or all weights."""

import warnings
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PrefixTuningConfig, TaskType, get_peft_model
from transformers.pytorch_utils import Conv1D

from robustness.errors import InputError
from robustness.models import adapters
from robustness.models.adapters import Kind
from robustness.models.checkpoint import Checkpoint
from robustness.models.soft_prompts import Front, KeysValues
from robustness.training.alignment import prefix as prefixes
from robustness.training.alignment.recipe import AlignRecipe


def _task_type(loaded: Checkpoint) -> TaskType:
    return TaskType.SEQ_2_SEQ_LM if loaded.encoder_decoder else TaskType.CAUSAL_LM


def _wrapped(loaded: Checkpoint, config: Any, seed: int) -> Any:
    with torch.random.fork_rng(), warnings.catch_warnings():
        # PEFT 0.21 asks transformers 5 for a property under its old name.
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing`")
        torch.manual_seed(seed)
        peft = get_peft_model(loaded.model, config)
    peft.peft_config["default"].base_model_name_or_path = loaded.id
    peft.peft_config["default"].revision = None
    return peft


def _deep(recipe: AlignRecipe, loaded: Checkpoint) -> Any:
    if reason := adapters.obstacle(Kind.DEEP, loaded):
        raise InputError(f"{recipe.method} cannot be trained on {loaded.id}: {reason}")
    if recipe.gradient_checkpointing:
        raise InputError(
            f"{recipe.method} needs keys and values that are kept, which gradient_checkpointing "
            "throws away; train without it"
        )
    prefixes.check_room(loaded, recipe.virtual_tokens)
    config = PrefixTuningConfig(
        task_type=TaskType.CAUSAL_LM,
        num_virtual_tokens=recipe.virtual_tokens,
        prefix_projection=True,
        encoder_hidden_size=recipe.encoder_hidden
        or int(loaded.model.get_input_embeddings().weight.shape[1]),
    )
    return _wrapped(loaded, config, recipe.seed)


def _lora(recipe: AlignRecipe, loaded: Checkpoint) -> Any:
    config = LoraConfig(
        task_type=_task_type(loaded), r=recipe.rank, lora_alpha=2 * recipe.rank,
        # All linear layers of attention and MLP, whatever their names; not the output head.
        target_modules="all-linear",
        # GPT-2 stores its weight matrices transposed (Conv1D).
        fan_in_fan_out=any(isinstance(m, Conv1D) for m in loaded.model.modules()),
    )
    return _wrapped(loaded, config, recipe.seed)


class Trainee:
    """A backbone with an adapter in training, or with all weights in training."""

    def __init__(self, recipe: AlignRecipe, loaded: Checkpoint) -> None:
        """Adds the adapter, with initial values from the recipe's seed.

        Args:
            recipe: The method and its sizes.
            loaded: The backbone, which is modified: LoRA is inserted into its layers, and `ft`
                trains its weights.

        Raises:
            InputError: The method does not work with the model, or the prefix leaves too little
                room for a prompt.
        """
        self.loaded = loaded
        self.peft: Any = None
        self._kind = recipe.kind
        if recipe.kind is Kind.INPUT:
            self.peft = prefixes.create(
                loaded, virtual_tokens=recipe.virtual_tokens, hidden=recipe.encoder_hidden,
                seed=recipe.seed,
            )
        elif recipe.kind is Kind.DEEP:
            self.peft = _deep(recipe, loaded)
        elif recipe.kind is Kind.LORA:
            self.peft = _lora(recipe, loaded)
        else:
            loaded.model.requires_grad_(True)
        source = loaded.model
        if recipe.kind in (Kind.INPUT, Kind.DEEP):
            source = self.peft.prompt_encoder["default"]
        self.parameters = {n: p for n, p in source.named_parameters() if p.requires_grad}

    def front(self) -> Front | None:
        """The prefix with its gradient, in the type of the weights; None for LoRA and `ft`."""
        if self._kind not in (Kind.INPUT, Kind.DEEP):
            return None
        flat = prefixes.table(self.peft).to(self.loaded.model.get_input_embeddings().weight.dtype)
        if self._kind is Kind.INPUT:
            return flat
        config = self.peft.peft_config["default"]
        return KeysValues.unpacked(
            flat, layers=config.num_layers, heads=config.num_attention_heads
        )

    def state(self) -> dict[str, torch.Tensor]:
        """A copy of the trained parameters, on the CPU."""
        return {name: p.detach().cpu().clone() for name, p in self.parameters.items()}

    @torch.no_grad()
    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Sets the trained parameters from such a copy."""
        for name, parameter in self.parameters.items():
            parameter.copy_(state[name])

    def save(self, folder: Path, text: str) -> None:
        """Writes the adapter, or the whole model where all weights are trained.

        Args:
            folder: Folder of the result.
            text: The model card as Markdown.
        """
        if self.peft is not None:
            prefixes.save(self.peft, folder, text)
            return
        self.loaded.model.save_pretrained(folder)
        self.loaded.tokenizer.save_pretrained(folder)
        (folder / "README.md").write_text(text, encoding="utf-8")
