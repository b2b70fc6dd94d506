"""Computes logits at the positions of the answer by teacher forcing, with or without a prefix.

Teacher forcing: the model reads the prompt followed by the gold answer, and its output at each
position predicts the next token of the answer.
"""

from collections.abc import Sequence
from typing import Any

import torch

from robustness.errors import InputError
from robustness.models.cached_forward import cached_forward
from robustness.models.checkpoint import Checkpoint
from robustness.models.soft_prompts import Front, KeysValues
from robustness.training.alignment import prefix as prefixes
from robustness.training.alignment.groups import Instance


def _no_dropout(model: Any) -> None:
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        # Attention modules store their dropout rate as a number; its name depends on the model.
        for name in ("attention_dropout", "dropout"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)


class Forward:
    """A backbone that returns logits at the positions that predict the answer."""

    def __init__(self, checkpoint: Checkpoint, *, gradient_checkpointing: bool = False) -> None:
        """Prepares the backbone.

        Args:
            checkpoint: The backbone. Its dropout is switched off, so that the distribution under
                the reference instruction is the model's own.
            gradient_checkpointing: Whether activations are recomputed in the backward pass, which
                saves memory.
        """
        self.checkpoint = checkpoint
        self.model = checkpoint.model
        self.device = checkpoint.device
        if gradient_checkpointing:
            # transformers recomputes in training mode only.
            _no_dropout(self.model.train())
            # Earlier releases of transformers 5 call it gradient_checkpointing_enable.
            enable = getattr(
                self.model, "activation_checkpointing_enable", None
            ) or self.model.gradient_checkpointing_enable
            enable({"use_reentrant": False})
        self._head = None if checkpoint.encoder_decoder else self._bare_head()

    @torch.no_grad()
    def _bare_head(self) -> Any:
        """The output head, if applying it to the hidden states gives the model's logits; else None.

        With the head apart, logits are computed only at the answer's positions, not at all T.
        """
        head = self.model.get_output_embeddings()
        if head is None:
            return None
        ids = torch.tensor([[self.checkpoint.end] * 3], device=self.device)
        whole = self.model(input_ids=ids, use_cache=False).logits
        hidden = self.model.get_decoder()(input_ids=ids, use_cache=False).last_hidden_state
        same = whole.shape == head(hidden).shape and torch.allclose(
            whole.float(), head(hidden).float(), atol=1e-3, rtol=1e-3
        )
        return head if same else None

    def _padded(self, rows: Sequence[Sequence[int]], width: int = 0) -> tuple[Any, Any]:
        longest = max(width, *(len(row) for row in rows))
        ids = torch.zeros((len(rows), longest), dtype=torch.long)
        mask = torch.zeros((len(rows), longest), dtype=torch.long)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = torch.tensor(row)
            mask[number, : len(row)] = 1
        return ids.to(self.device), mask.to(self.device)

    def targets(
        self, instances: Sequence[Instance], width: int = 0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens (R, K) int64 of the answers and their mask (R, K) bool, K at least `width`."""
        ids, mask = self._padded([i.answer for i in instances], width)
        return ids, mask.bool()

    def logits(
        self, instances: Sequence[Instance], prefix: Front | None, width: int = 0
    ) -> torch.Tensor:
        """Logits (R, K, V) at the positions that predict `targets(instances, width)`.

        Args:
            instances: R prompts with their answers.
            prefix: An input prefix (n, D), a deep prefix (keys and values), or None.
            width: Least K.

        Raises:
            InputError: A deep prefix is given to an encoder-decoder model.
        """
        if self.checkpoint.encoder_decoder:
            if isinstance(prefix, KeysValues):
                raise InputError("an encoder-decoder model takes no deep prefix")
            return self._encoder_decoder(instances, prefix, width)
        ids, mask = self._padded([(*i.prompt, *i.answer[:-1]) for i in instances])
        embeds = self.model.get_input_embeddings()(ids)
        cache = prefix.cache(len(ids)) if isinstance(prefix, KeysValues) else None
        table = prefix if isinstance(prefix, torch.Tensor) else None
        embeds, _, positions = prefixes.apply(embeds, mask, table)
        if isinstance(prefix, KeysValues):
            positions = positions + len(prefix)
        virtual = 0 if table is None else len(table)
        count = max(width, *(len(i.answer) for i in instances))
        starts = torch.tensor([virtual + len(i.prompt) - 1 for i in instances], device=self.device)
        at = starts[:, None] + torch.arange(count, device=self.device)
        at = at.clamp(max=embeds.shape[1] - 1)
        # Position p predicts token p + 1: the answer's first token is predicted at the prompt's
        # last position. Padding is on the right, where no token of a causal model attends to it,
        # so no attention mask is needed.
        rows = torch.arange(len(instances), device=self.device)[:, None]
        arguments = {"inputs_embeds": embeds, "position_ids": positions, "use_cache": False}
        if self._head is not None:
            hidden = cached_forward(
                self.model.get_decoder(), cache, **arguments
            ).last_hidden_state
            return self._head(hidden[rows, at])  # type: ignore[no-any-return]
        return cached_forward(self.model, cache, **arguments).logits[rows, at]  # type: ignore[no-any-return]

    def _encoder_decoder(
        self, instances: Sequence[Instance], prefix: torch.Tensor | None, width: int
    ) -> torch.Tensor:
        ids, mask = self._padded([i.prompt for i in instances])
        embeds = self.model.get_input_embeddings()(ids)
        embeds, mask, _ = prefixes.apply(embeds, mask, prefix)
        answers, _ = self._padded([i.answer for i in instances], width)
        begin = self.checkpoint.decoder_start
        shifted = torch.cat([answers.new_full((len(answers), 1), begin), answers[:, :-1]], dim=1)
        out = self.model(
            inputs_embeds=embeds, attention_mask=mask, decoder_input_ids=shifted, use_cache=False
        )
        return out.logits  # type: ignore[no-any-return]
