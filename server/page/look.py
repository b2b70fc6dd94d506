"""Gradio's theme, and colours of plots. Only system fonts, so that nothing is downloaded."""

import gradio as gr

THEME = gr.themes.Base(
    primary_hue="blue",
    neutral_hue="slate",
    font=["system-ui", "Segoe UI", "Roboto", "Helvetica", "Arial", "sans-serif"],
    font_mono=["ui-monospace", "Menlo", "Consolas", "monospace"],
).set(input_placeholder_color="#51606f", input_placeholder_color_dark="#a9b6c2")

ACCENT = "#0067a6"
"""The original model's blue, for use in plots."""
CONTRAST = "#a84a00"
"""The orange of what it is compared with in plots."""
