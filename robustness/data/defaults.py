"""Names of shipped collections, and default values; imports nothing."""

OBSERVED = "observed"
PARAPHRASES = "paraphrases"
UNOBSERVED_CALIBRATION = "unobserved-calibration"
UNOBSERVED_DEVELOPMENT = "unobserved-development"
UNOBSERVED_TEST = "unobserved-test"
TO_CALIBRATE = (UNOBSERVED_CALIBRATION, UNOBSERVED_DEVELOPMENT)
"""The collections that predictions are calibrated on."""

BIG_BENCH_FIELD = "input"
"""Name of BIG-bench's input in the template of an instruction."""

IMPORT_FORMATS = (
    "promptsource", "flan", "alpaca", "natural-instructions", "instructioneval", "csv",
)
"""Formats of `import`; `robustness.data.importers.sources` has an importer for each."""
LEAST_MASS = 50.0
"""Probability of the options together, in points, below which a model mostly answers with other
texts."""
