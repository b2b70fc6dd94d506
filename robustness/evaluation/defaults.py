"""What evaluations take where nothing is named; imports no library."""

from robustness import paths

INPUTS = 128
"""Labelled inputs a task, at the most."""

PUBLISHED_ACCURACIES = paths.ASSETS / "published" / "accuracy.csv"
PUBLISHED_TABLES = (
    "table3", "fig2b", "fig3", "fig6", "table4", "findings", "table5", "table6",
)
"""Names of the published tables and figures."""
PUBLISHED_DRAWS = 4_000
"""Bootstrap samples."""
