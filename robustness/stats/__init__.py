"""Confidence intervals, paired tests, sensitivity to the instruction, near-duplicate texts."""
