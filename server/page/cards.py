"""Cards as HTML around a title; texts are escaped."""

from html import escape


def card(title: str, body: str) -> str:
    """A card with a title around HTML."""
    return f'<div class="sf-card"><h3>{escape(title)}</h3>{body}</div>'


def note(title: str, message: str) -> str:
    """A card with a plain message."""
    return card(title, f"<div>{escape(message)}</div>")
