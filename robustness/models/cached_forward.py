"""Calls a model with a key-value cache and takes the cache out of what it returns.

transformers 5.24 renamed the argument and the field `past_key_values` to `cache`; this is the one
place that knows both names.
"""

import inspect
from typing import Any

_NEW, _OLD = "cache", "past_key_values"


def cached_forward(model: Any, cache: Any, **arguments: Any) -> Any:
    """One forward call behind a cache.

    Args:
        model: A transformers model.
        cache: Keys and values of what stands in front, in transformers' form; None: nothing does.
        **arguments: What else the call is given.

    Returns:
        The model's output, as transformers gives it.
    """
    name = _NEW if _NEW in inspect.signature(model.forward).parameters else _OLD
    return model(**{name: cache}, **arguments)


def cache_of(output: Any) -> Any:
    """The key-value cache in a model's output; None where the call made none."""
    # Asked in this order, since a version that knows the new name warns of the old one.
    return next((output[name] for name in (_NEW, _OLD) if name in output), None)
