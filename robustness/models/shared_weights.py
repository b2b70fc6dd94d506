"""Keeps weights that several loaded models have in common in memory once.

A tuned model has the first layers of the model that it was made from, and so has the sentence
encoder beside it.
"""

import threading
from weakref import WeakValueDictionary

import torch
from torch import nn

_FIRST = 64
"""Number of a weight's first values by which equal ones are looked up."""

_Key = tuple[torch.Size, torch.dtype, torch.device, bytes]
_kept: WeakValueDictionary[_Key, nn.Parameter] = WeakValueDictionary()
_lock = threading.Lock()


def share(model: nn.Module) -> int:
    """Lets a model use the memory of equal weights of the models that were given before.

    Only for models that are not trained any more, since a change of one would change the others.

    Args:
        model: A loaded model. It computes the same as before.

    Returns:
        Number of bytes that it no longer needs of its own.
    """
    freed = 0
    with _lock:
        for weight in model.parameters():
            if weight.is_meta:
                continue
            first = weight.detach().flatten()[:_FIRST].cpu().view(torch.uint8).numpy().tobytes()
            known = _kept.setdefault((weight.shape, weight.dtype, weight.device, first), weight)
            own = known.data_ptr() != weight.data_ptr()
            if own and torch.equal(known, weight):
                weight.data = known.data
                freed += weight.nbytes
    return freed
