"""Theme and style of the page. Only system fonts are used, so that nothing is downloaded."""

from pathlib import Path

import gradio as gr

THEME = gr.themes.Soft(
    primary_hue="teal",
    neutral_hue="slate",
    font=["system-ui", "Segoe UI", "Roboto", "Helvetica", "Arial", "sans-serif"],
    font_mono=["ui-monospace", "Menlo", "Consolas", "monospace"],
)

ACCENT = "#14b8a6"
"""Teal 500, the theme's colour, for use in plots."""
CONTRAST = "#64748b"
"""Slate 500, for the data that others are compared with in plots."""

STYLE = Path(__file__).with_name("style.css")
