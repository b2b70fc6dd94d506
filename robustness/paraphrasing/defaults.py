"""What paraphrasing takes where nothing is named; imports nothing."""

PER_INSTRUCTION = 8
"""Offline paraphrases of each instruction, at the most."""
CANDIDATES = 3
"""Replies of a served model to each prompt: the paper keeps the top three at this temperature."""
TEMPERATURE = 0.5
"""Of a served model."""
ENTAILMENT_THRESHOLD = 0.5
"""Probability of entailment that is wanted, both ways."""
