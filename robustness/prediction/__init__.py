"""Predicts how much accuracy an instruction loses, with an interval."""
