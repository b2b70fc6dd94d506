"""Scores options of encoder-decoder models: encodes padded prompts once and decodes the options.

The encoder computes a batch of prompts (B, T). Each option is a row of the decoder, with its
encoded prompt; its tokens are shifted by one, after the decoder's start token. An encoder attends
in both directions, so a shared prefix cannot be computed separately.
"""

from collections.abc import Iterator, Sequence

import torch
from transformers.modeling_outputs import BaseModelOutput

from robustness.models.batching import Batch, Item, Read, embedded, grouped, padded
from robustness.models.checkpoint import Checkpoint
from robustness.models.soft_prompts import Front


class EncoderDecoderScorer:
    """Implements `Scorer` for encoder-decoder models."""

    name = "encoder-decoder"

    def __init__(self, checkpoint: Checkpoint, *, layer: int, batch_tokens: int) -> None:
        """Computes nothing yet.

        Args:
            checkpoint: An encoder-decoder model.
            layer: Index into `decoder_hidden_states` of the representations.
            batch_tokens: Most padded tokens of a batch.
        """
        self._checkpoint = checkpoint
        self._layer = layer
        self._batch_tokens = batch_tokens

    def read(self, items: Sequence[Item], before: Front | None) -> Iterator[Read]:
        """Reads every item, the longest first: see `Scorer.read`."""
        virtual = 0 if before is None else len(before)
        lookup = self._checkpoint.model.get_input_embeddings()
        for batch in grouped(items, virtual, self._batch_tokens):
            yield self._read(batch, embedded(batch, lookup, before, self._checkpoint.device))

    def _read(self, batch: Sequence[Item], prompts: Batch) -> Read:
        model = self._checkpoint.model
        encoded = model.get_encoder()(
            inputs_embeds=prompts.embeds, attention_mask=prompts.mask
        ).last_hidden_state
        begin = self._checkpoint.decoder_start
        first = model(
            encoder_outputs=BaseModelOutput(last_hidden_state=encoded),
            attention_mask=prompts.mask,
            decoder_input_ids=torch.full((len(batch), 1), begin, device=encoded.device),
            output_hidden_states=True, use_cache=False,
        )
        vectors = first.decoder_hidden_states[self._layer][:, 0]
        logprobs: list[list[float]] = [[] for _ in batch]
        pairs = [(row, option) for row, item in enumerate(batch) for option in item.options]
        step = max(1, 2 * self._batch_tokens // prompts.embeds.shape[1])
        for start in range(0, len(pairs), step):
            part = pairs[start : start + step]
            rows = torch.tensor([row for row, _ in part], device=encoded.device)
            ids, mask = padded([option for _, option in part])
            ids, mask = ids.to(encoded.device), mask.to(encoded.device)
            shifted = torch.cat([ids.new_full((len(part), 1), begin), ids[:, :-1]], dim=1)
            out = model(
                encoder_outputs=BaseModelOutput(last_hidden_state=encoded[rows]),
                attention_mask=prompts.mask[rows],
                decoder_input_ids=shifted, use_cache=False,
            )
            scores = out.logits.float().log_softmax(-1).gather(2, ids[:, :, None]).squeeze(2)
            for (row, _), value in zip(part, (scores * mask).sum(dim=1).tolist(), strict=True):
                logprobs[row].append(value)
        return Read(batch, logprobs, vectors.float().cpu().numpy())
