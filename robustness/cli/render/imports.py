"""Renders the receipt of an import as text."""

from robustness.data.importers.sources import Receipt


def imported(made: Receipt) -> str:
    """The numbers of imported instructions and of what decided, and every entry left out."""
    types = ", ".join(f"{count} {name}" for name, count in made.by_type.items())
    lines = [f"{made.out}: {made.taken} of {made.entries} entries taken ({types or 'none'})"]
    lines += [f"  decided by {rule}: {count}" for rule, count in made.decided.items()]
    lines += [f"  left out: {entry.where}: {entry.reason}" for entry in made.left]
    lines += [f"  changed: {entry.where}: {entry.what}" for entry in made.changes]
    return "\n".join(lines)
