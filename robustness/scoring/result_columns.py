"""The names that the columns of a user's table have in the result, beside the added ones.

A column that is called like one of ours is kept in full as `given_` and its name.
"""

from collections.abc import Mapping

from robustness.scoring.scored_row import COLUMNS
from robustness.storage import cells
from robustness.storage.tables import Table

GIVEN = "given_"


def names(table: Table) -> tuple[str, ...]:
    """The name of each column of a table in the result.

    A name that is taken, by us or by another column of the table, gets `GIVEN` in front until it
    is free. Compared are names as CSV writes them.
    """
    theirs = {cells.guarded(name) for name in table.header}
    used: set[object] = set(COLUMNS)
    found = []
    for name in table.header:
        kept = name
        while cells.guarded(kept) in (used if kept == name else used | theirs):
            kept = GIVEN + kept
        used.add(cells.guarded(kept))
        found.append(kept)
    return tuple(found)


def renamed(table: Table) -> Mapping[str, str]:
    """The columns of a table that have another name in the result -> that name."""
    pairs = zip(table.header, names(table), strict=True)
    return {name: kept for name, kept in pairs if name != kept}
