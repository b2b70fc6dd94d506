"""What is trained: a prefix in front of a backbone, or all of its weights.

Refuses to know losses, groups and schedules.
"""

from pathlib import Path
from typing import Any

import torch

from robustness.alignment import prefix as prefixes
from robustness.alignment.recipe import AlignRecipe
from robustness.checkpoint import Checkpoint


class Trainee:
    """The backbone with what is trained in it."""

    def __init__(self, recipe: AlignRecipe, loaded: Checkpoint) -> None:
        """Puts a prefix in front of the backbone, or lets all its weights be trained."""
        self.loaded = loaded
        self.peft: Any = None
        if recipe.with_prefix:
            self.peft = prefixes.create(
                loaded, virtual_tokens=recipe.virtual_tokens, hidden=recipe.encoder_hidden,
                seed=recipe.seed,
            )
            self.parameters = dict(self.peft.prompt_encoder["default"].named_parameters())
        else:
            loaded.model.requires_grad_(True)
            self.parameters = dict(loaded.model.named_parameters())

    def prefix(self) -> torch.Tensor | None:
        """The prefix with its gradient, where there is one."""
        return None if self.peft is None else prefixes.table(self.peft)

    def state(self) -> dict[str, torch.Tensor]:
        """A copy of what is trained."""
        return {name: p.detach().cpu().clone() for name, p in self.parameters.items()}

    @torch.no_grad()
    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Puts a copy back."""
        for name, parameter in self.parameters.items():
            parameter.copy_(state[name])

    def save(self, folder: Path, text: str) -> None:
        """Writes an adapter, or the whole model."""
        if self.peft is not None:
            prefixes.save(self.peft, folder, text)
            return
        self.loaded.model.save_pretrained(folder)
        self.loaded.tokenizer.save_pretrained(folder)
        (folder / "README.md").write_text(text, encoding="utf-8")
