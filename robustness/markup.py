"""Writes texts from outside into plots and Markdown so that they stay text.

For HTML see `html.escape`.
"""

import html
import re

_MARKDOWN = (
    (re.compile(r"[\\|`*~]"), r"\\\g<0>"),
    (re.compile(r"(?<!\w)_|_(?!\w)"), r"\\\g<0>"),
    # Only where they would begin a tag, an entity, a link or an address that becomes a link.
    (re.compile(r"&(?=#|\w)"), "&amp;"),
    (re.compile(r"<(?=[A-Za-z/!?])"), "&lt;"),
    (re.compile(r"\](?=[(\[])"), r"\\]"),
    (re.compile(r":(?=//)"), r"\\:"),
    (re.compile(r"(?<=\bwww)\.", re.IGNORECASE), r"\\."),
)


def in_plot(text: str) -> str:
    """A text for plotly, which reads some HTML, entities, LaTeX and `%{...}` templates."""
    return html.escape(text).replace("$", "&#36;").replace("%{", "&#37;{")


def in_markdown(text: str) -> str:
    """A text for one line of Markdown, such as a cell of a table."""
    text = " ".join(text.split())
    for pattern, written in _MARKDOWN:
        text = pattern.sub(written, text)
    return text
