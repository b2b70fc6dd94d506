"""Calls a model with a KV cache, and gets the cache from its output.

transformers 5.24 renamed the argument and the field `past_key_values` to `cache`; only this module
handles both names.
"""

import functools
import inspect
from typing import Any

_NEW, _OLD = "cache", "past_key_values"


def cached_forward(model: Any, cache: Any, **arguments: Any) -> Any:
    """One forward call that continues from a KV cache.

    Args:
        model: A transformers model.
        cache: Cache of the tokens in front, in transformers' form; None: there are none.
        **arguments: Other arguments of the call.

    Returns:
        The model's output object.
    """
    kind: Any = type(model)
    return model(**{_argument(kind): cache}, **arguments)


@functools.cache
def _argument(kind: Any) -> str:
    """Name of the cache's argument of a class of models; asked at every token, so it is kept."""
    return _NEW if _NEW in inspect.signature(kind.forward).parameters else _OLD


def cache_of(output: Any) -> Any:
    """The KV cache in a model's output; None where the call made none."""
    # In this order, since a version with the new name warns when the old one is used.
    return next((output[name] for name in (_NEW, _OLD) if name in output), None)
