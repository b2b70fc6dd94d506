"""Predicts how much accuracy a model loses under an instruction, with an interval."""
