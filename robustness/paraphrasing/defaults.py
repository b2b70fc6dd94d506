"""Default values of paraphrasing; imports nothing."""

PER_INSTRUCTION = 8
"""Most rule-based paraphrases of each instruction."""
CANDIDATES = 3
"""Replies of a language model to each prompt; the paper keeps the top three."""
TEMPERATURE = 0.5
"""Sampling temperature of a language model, as in the paper."""
ENTAILMENT_THRESHOLD = 0.5
"""Least probability of entailment in each direction."""
