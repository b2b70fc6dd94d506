"""Alignment: paraphrases of observed instructions, soft prefixes, the PT+KL loss, training."""
