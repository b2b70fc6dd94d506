"""Names of what ships, and what is taken where nothing is named; imports nothing."""

OBSERVED = "observed"
PARAPHRASES = "paraphrases"
UNOBSERVED_DEVELOPMENT = "unobserved-development"
UNOBSERVED_TEST = "unobserved-test"

BIG_BENCH_FIELD = "input"
"""What BIG-bench's input is called in an instruction's template."""

IMPORT_FORMATS = (
    "promptsource", "flan", "alpaca", "natural-instructions", "instructioneval", "csv",
)
"""What `import` reads; `robustness.data.importers.sources` has an importer for each."""
