"""Adds LoRA adapters to a loaded model with PEFT, and switches between them and the original.

Importing PEFT takes seconds, so `adapters.Loader` imports this module by name with the first LoRA
adapter. PEFT replaces each adapted layer by one that holds the original layer and the matrices of
every adapter. Nothing is merged: while the adapters are off, the original layers are back in their
places, so that the original's results are equal bit for bit and cost what they cost in the model
alone.
"""

import dataclasses
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, set_peft_model_state_dict

from robustness.errors import MismatchError, RobustnessError
from robustness.models.checkpoint import Checkpoint
from robustness.storage import files

_STEM = "base_model.model."
_HARMLESS_STARTS = (True, False, "gaussian", "eva", "orthogonal", "mica")
"""Values of `init_lora_weights` that do not change the model's own weights."""
_NOT_SERVED = {
    "alora_invocation_tokens": "it starts in the middle of a prompt",
    "arrow_config": "it mixes other adapters",
    "layer_replication": "it changes the layers of the model itself",
    "megatron_config": "it needs Megatron",
}
"""Key of the configuration -> why an adapter that uses it cannot share a model with others."""
_MERGE = "merge it into its model with PEFT and serve that"
_TRAIN = "train it again with: python -m robustness align"


class PeftLora:
    """The LoRA adapters of one model."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        """Adds no adapter yet.

        Args:
            checkpoint: The model that receives the adapters.
        """
        self._checkpoint = checkpoint
        self._peft: Any = None
        self._count = 0
        self._layers = Layers(checkpoint.model)

    def add(self, name: str, folder: Path, tensors: Mapping[str, torch.Tensor]) -> "Switch":
        """Adds an adapter to the model, switched off.

        Args:
            name: Its name, for error messages.
            folder: Folder with `adapter_config.json`.
            tensors: Its weights, by PEFT's names.

        Raises:
            MismatchError: It does not fit the model, or uses a feature that is not supported.
        """
        _check(name, folder)
        # PEFT's parameter names contain the adapter's name, so it must be a plain identifier.
        inner = f"adapter{self._count:04d}"
        self._layers.adapted()
        try:
            self._load(name, inner, folder, tensors)
        except RobustnessError:
            raise
        except Exception as error:
            # PEFT raises errors of any kind where its configuration is damaged.
            raise self._misfit(name, str(error)) from error
        finally:
            self._layers.note()
            self._layers.original()
        self._count += 1
        return Switch(self._peft, inner, self._layers)

    def _load(
        self, name: str, inner: str, folder: Path, tensors: Mapping[str, torch.Tensor]
    ) -> None:
        config = LoraConfig.from_pretrained(str(folder))
        config.inference_mode = True
        model = self._checkpoint.model
        lookup = model.get_input_embeddings()
        # PEFT draws initial values, which are then replaced, from the global random generator.
        with torch.random.fork_rng(), warnings.catch_warnings():
            # PEFT 0.21 asks transformers 5 for a property under its old name.
            warnings.filterwarnings("ignore", message="`is_gradient_checkpointing`")
            if self._peft is None:
                self._peft = PeftModel(model, config, inner, autocast_adapter_dtype=False)
            else:
                self._peft.add_adapter(inner, config, autocast_adapter_dtype=False)
        if self._checkpoint.encoder_decoder and model.get_input_embeddings() is not lookup:
            raise MismatchError(
                f"the LoRA adapter {name} changes the input embeddings of an encoder-decoder "
                f"model, which is not served; {_MERGE}"
            )
        result = set_peft_model_state_dict(self._peft, self._own(name, tensors), inner)
        # Weights that PEFT ties to others (trained tokens of a tied head) are not in the file.
        missing = [key for key in result.missing_keys if ".lora_" in key and inner in key]
        if wrong := [*missing, *result.unexpected_keys]:
            what = "lacks" if missing else "has no place for"
            raise self._misfit(name, f"{what} {wrong[0].removeprefix(_STEM)}")
        self._peft.eval().requires_grad_(False)

    def _own(self, name: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The adapter's weights, without the copies of the model's own that PEFT may save.

        A copy that differs from the model's weight would change the original model and is refused.
        """
        weights = dict(self._checkpoint.model.named_parameters())
        own: dict[str, torch.Tensor] = {}
        for key, tensor in tensors.items():
            path, _, last = key.removeprefix(_STEM).rpartition(".")
            weight = weights.get(f"{path}.{last}", weights.get(f"{path}.base_layer.{last}"))
            if weight is None:
                own[key] = tensor
            elif weight.shape != tensor.shape or not torch.equal(tensor.to(weight), weight):
                raise MismatchError(
                    f"the LoRA adapter {name} brings weights {path}.{last} {tuple(tensor.shape)} "
                    f"that differ from those of {self._checkpoint.id}; {_MERGE}"
                )
        return own

    def _misfit(self, name: str, reason: str) -> MismatchError:
        return MismatchError(
            f"the LoRA adapter {name} fits no layer of {self._checkpoint.id}, or not all of them: "
            f"{' '.join(reason.split())}; {_TRAIN}"
        )


class Layers:
    """The layers of a model that PEFT replaced, and what it put in their places."""

    def __init__(self, model: torch.nn.Module) -> None:
        """Remembers the layers of a model without adapters."""
        self._all = [
            (parent, name, child)
            for parent in model.modules() for name, child in parent.named_children()
        ]
        self._replaced: list[tuple[torch.nn.Module, str, torch.nn.Module, torch.nn.Module]] = []

    def note(self) -> None:
        """Remembers what stands now in place of an original layer."""
        self._replaced = [
            (parent, name, child, getattr(parent, name))
            for parent, name, child in self._all if getattr(parent, name) is not child
        ]

    def original(self) -> None:
        """Puts the original layers in their places."""
        for parent, name, child, _ in self._replaced:
            setattr(parent, name, child)

    def adapted(self) -> None:
        """Puts PEFT's layers in their places."""
        for parent, name, _, adapted in self._replaced:
            setattr(parent, name, adapted)


class Switch:
    """Switches one LoRA adapter on and off; implements `turns.Switch`."""

    def __init__(self, peft: Any, name: str, layers: Layers) -> None:
        """Leaves the adapter off.

        Args:
            peft: PEFT's model with all adapters.
            name: PEFT's name of this adapter.
            layers: Of the model.
        """
        self._peft = peft
        self._name = name
        self._layers = layers

    def on(self) -> None:
        """Activates this adapter and no other."""
        self._layers.adapted()
        self._peft.set_adapter(self._name, inference_mode=True)

    def off(self) -> None:
        """Deactivates all adapters."""
        self._layers.original()


def _check(name: str, folder: Path) -> None:
    """Raises MismatchError where an adapter uses a feature that is not supported."""
    config = files.read_object(folder / "adapter_config.json")
    known = {field.name for field in dataclasses.fields(LoraConfig)}
    reasons = {key: why for key, why in _NOT_SERVED.items() if config.get(key)}
    # Numbers and words belong to a feature that another key turns on.
    reasons |= {
        key: f"PEFT {config.get('peft_version', 'of another version')} wrote it and the installed "
        "one does not know it"
        for key, value in config.items()
        if key not in known and value and isinstance(value, bool | list | dict)
    }
    if config.get("bias", "none") != "none":
        reasons["bias"] = "it changes biases of the model itself"
    if config.get("init_lora_weights", True) not in _HARMLESS_STARTS:
        reasons["init_lora_weights"] = "it changes the weights of the model itself"
    for key, why in reasons.items():
        raise MismatchError(
            f"the LoRA adapter {name} uses {key}={config[key]!r}, which is not served, as {why}; "
            f"{_MERGE}"
        )
