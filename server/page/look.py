"""Theme and style of the page: system fonts only, so that nothing is fetched.

Refuses to know what is shown.
"""

import gradio as gr

THEME = gr.themes.Soft(
    primary_hue="teal", neutral_hue="slate",
    font=["system-ui", "Segoe UI", "Roboto", "Helvetica", "Arial", "sans-serif"],
    font_mono=["ui-monospace", "Menlo", "Consolas", "monospace"],
)

CSS = """
.gradio-container { max-width: 1180px !important; margin: 0 auto !important; }
.sf-card { border: 1px solid var(--border-color-primary); border-radius: 10px; padding: 14px 16px;
  background: var(--background-fill-primary); color: var(--body-text-color); overflow-wrap: anywhere; }
.sf-card h3 { margin: 0 0 8px; font-size: 0.82rem; letter-spacing: .04em; text-transform: uppercase;
  color: var(--body-text-color-subdued); font-weight: 600; }
.sf-big { font-size: 1.9rem; font-weight: 650; line-height: 1.15; }
.sf-sub { color: var(--body-text-color-subdued); font-size: 0.88rem; margin-top: 6px; }
.sf-text { font-family: var(--font-mono); font-size: 0.84rem; white-space: pre-wrap; margin: 6px 0;
  padding: 8px 10px; border-radius: 6px; background: var(--background-fill-secondary); }
.sf-warn { border-left: 4px solid #d97706; padding: 8px 10px; margin-top: 8px; border-radius: 4px;
  background: color-mix(in srgb, #d97706 12%, transparent); }
.sf-row { display: flex; align-items: center; gap: 8px; margin: 4px 0; font-size: 0.9rem; }
.sf-row .name { flex: 0 0 34%; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.sf-row .value { flex: 0 0 3.6em; text-align: right; font-variant-numeric: tabular-nums; }
.sf-track { flex: 1; height: 9px; border-radius: 5px; background: var(--background-fill-secondary);
  position: relative; overflow: hidden; }
.sf-fill { position: absolute; inset: 0 auto 0 0; background: var(--color-accent); border-radius: 5px; }
.sf-scale { position: relative; height: 34px; margin-top: 10px; }
.sf-axis { position: absolute; left: 0; right: 0; top: 10px; height: 2px; background: var(--border-color-primary); }
.sf-band { position: absolute; top: 5px; height: 12px; border-radius: 6px;
  background: color-mix(in srgb, var(--color-accent) 38%, transparent); }
.sf-point { position: absolute; top: 3px; width: 4px; height: 16px; margin-left: -2px; border-radius: 2px;
  background: var(--color-accent); }
.sf-zero { position: absolute; top: 0; width: 1px; height: 22px; background: var(--body-text-color-subdued); }
.sf-tick { position: absolute; top: 20px; font-size: 0.72rem; transform: translateX(-50%);
  color: var(--body-text-color-subdued); }
.sf-card table { width: 100%; border-collapse: collapse; font-size: 0.86rem; }
.sf-card td, .sf-card th { text-align: left; padding: 4px 6px; border-bottom: 1px solid var(--border-color-primary); }
.sf-scroll { overflow-x: auto; }
.sf-good { color: #059669; } .sf-bad { color: #dc2626; }
.dark .sf-good { color: #34d399; } .dark .sf-bad { color: #f87171; }
@media (max-width: 640px) { .sf-big { font-size: 1.5rem; } .gradio-container { padding: 8px !important; } }
"""
