"""Default values of evaluations; imports no library."""

from robustness import paths

INPUTS = 128
"""Most labelled inputs per task."""

AGAIN = 64
"""About how many prompts of a model are asked again to see whether its answers repeat."""

PUBLISHED_ACCURACIES = paths.ASSETS / "published" / "accuracy.csv"
PUBLISHED_TABLES = (
    "table3", "fig2b", "fig3", "fig6", "table4", "findings", "table5", "table6",
)
"""Names of the published tables and figures."""
PUBLISHED_DRAWS = 4_000
"""Number of bootstrap samples."""

OTHER_WORDS = (
    "Compare options per byte (--option-scores per-byte), judge generated answers (evaluate "
    "--free), ask for one word in the instruction or in --system-prompt, or tune the model."
)
"""What helps where a model answers in other words."""
