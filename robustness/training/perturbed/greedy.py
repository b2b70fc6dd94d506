"""Generates greedy answers of a model in training, many prompts at once."""

from collections.abc import Sequence

import torch
from transformers import GenerationConfig

from robustness.models.checkpoint import Checkpoint

MOST_TOKENS = 24
_ROWS = 32


@torch.no_grad()
def answers(checkpoint: Checkpoint, prompts: Sequence[Sequence[int]]) -> list[str]:
    """The greedy answer to each prompt, at most `MOST_TOKENS` long.

    Args:
        checkpoint: The model.
        prompts: Token ids of the prompts, each with room for the answer in the context.
    """
    config = GenerationConfig(
        do_sample=False, num_beams=1, max_new_tokens=MOST_TOKENS,
        eos_token_id=sorted(checkpoint.stops), pad_token_id=checkpoint.end,
        decoder_start_token_id=getattr(checkpoint.model.config, "decoder_start_token_id", None),
    )
    # Otherwise the checkpoint's own settings (penalties, forced tokens) would apply.
    checkpoint.model.generation_config = config
    order = sorted(range(len(prompts)), key=lambda n: len(prompts[n]))
    found = [""] * len(prompts)
    for start in range(0, len(order), _ROWS):
        part = order[start : start + _ROWS]
        rows = [prompts[n] for n in part]
        width = max(map(len, rows))
        # Generation continues at the right end, so padding is on the left.
        ids = torch.tensor([[checkpoint.end] * (width - len(r)) + list(r) for r in rows])
        mask = torch.tensor([[0] * (width - len(r)) + [1] * len(r) for r in rows])
        made = checkpoint.model.generate(
            input_ids=ids.to(checkpoint.device), attention_mask=mask.to(checkpoint.device),
            generation_config=config,
        )
        written = made if checkpoint.encoder_decoder else made[:, width:]
        for n, text in zip(
            part, checkpoint.tokenizer.batch_decode(written, skip_special_tokens=True), strict=True
        ):
            found[n] = text.strip()
    return found
