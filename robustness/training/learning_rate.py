"""The learning rate of every training here: linear warm-up, then a cosine down to a minimum.

The curve is transformers'. It is asked for the share of the peak at a numbered update, as a
resumed training, and groups of parameters with peaks of their own, set their rates by that.
"""

from collections.abc import Callable
from functools import cache

import torch
from transformers import get_cosine_with_min_lr_schedule_with_warmup

Share = Callable[[int], float]
"""Number of an update, from 0 -> share of the peak rate."""


@cache
def schedule(*, warmup: int, steps: int, least: float) -> Share:
    """The share of the peak rate by update.

    Args:
        warmup: Updates of linear warm-up; the last of them has the peak rate.
        steps: Updates of the whole training.
        least: Share of the peak that the cosine ends at.
    """
    unused = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    (curve,) = get_cosine_with_min_lr_schedule_with_warmup(
        unused, num_warmup_steps=warmup, num_training_steps=steps, min_lr_rate=least
    ).lr_lambdas
    # transformers begins the warm-up at zero, which would be an update without effect.
    return lambda step: float(curve(step + 1 if step < warmup else step))
