"""Log-probabilities of a prompt's own tokens, each given the tokens before it.

Does not score answer options; see `scorers/`.
"""

import torch

from robustness.errors import EngineError, InputError
from robustness.models.batching import Item, embedded
from robustness.models.cached_forward import cached_forward
from robustness.models.checkpoint import Checkpoint
from robustness.models.sampling import described
from robustness.models.soft_prompts import Front, KeysValues
from robustness.types import TokenLogprob


def scores_of(
    checkpoint: Checkpoint, item: Item, front: Front | None, alternatives: int
) -> list[TokenLogprob]:
    """The tokens of a prompt in order; the first has no log-probability.

    One forward pass, in which the logits at each position predict the token at the next one.

    Args:
        checkpoint: The model.
        item: The prompt.
        front: The soft prompt in front of it; None for the original model.
        alternatives: How many of the most probable tokens to give at each position.

    Raises:
        InputError: The model is an encoder-decoder.
        EngineError: The model returned values that are not finite.
    """
    if checkpoint.encoder_decoder:
        raise InputError(
            f"echo: {checkpoint.id} is an encoder-decoder model, whose encoder reads the prompt "
            "and gives it no probabilities; score its answers as options"
        )
    model = checkpoint.model
    embeds = embedded([item], model.get_input_embeddings(), front, checkpoint.device).embeds
    deep = front.cache(1) if isinstance(front, KeysValues) else None
    out = cached_forward(model, deep, inputs_embeds=embeds, use_cache=deep is not None)
    # Virtual tokens that are embeddings have logits as well, which are left out.
    logits = out.logits[0, -len(item.ids) :]
    if bool(torch.isnan(logits).any()):
        raise EngineError(f"the model {checkpoint.id} gave values that are not numbers")
    decode = checkpoint.tokenizer.decode
    return [TokenLogprob(token=decode(item.ids[:1]), logprob=None)] + [
        described(row.float().cpu(), token, alternatives, checkpoint.tokenizer)
        for row, token in zip(logits[:-1], item.ids[1:], strict=True)
    ]
