"""Theme and style of the page: system fonts only, so that nothing is fetched.

Refuses to know what is shown.
"""

from pathlib import Path

import gradio as gr

THEME = gr.themes.Soft(
    primary_hue="teal",
    neutral_hue="slate",
    font=["system-ui", "Segoe UI", "Roboto", "Helvetica", "Arial", "sans-serif"],
    font_mono=["ui-monospace", "Menlo", "Consolas", "monospace"],
)

ACCENT = "#14b8a6"
"""Teal 500, the theme's colour, for plots."""
CONTRAST = "#64748b"
"""Slate 500, for what is compared with it."""

STYLE = Path(__file__).with_name("style.css")
