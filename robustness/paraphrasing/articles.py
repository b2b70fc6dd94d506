"""Says whether a word takes 'a' or 'an', by sound and not by its first letter, with inflect.

Importing inflect takes two seconds, so that `rule_based.py`, the only one to use this module,
imports it by name when a word behind an article was replaced.
"""

from functools import cache
from typing import Any

import inflect


@cache
def _engine() -> Any:
    return inflect.engine()


def before(phrase: str, article: str) -> str:
    """The article that belongs in front of a phrase.

    Args:
        phrase: What follows.
        article: What stood there, `a`, `an`, `A` or `An`; a capital stays.
    """
    right: str = _engine().a(phrase).split()[0]
    return right.capitalize() if article[0].isupper() else right
