"""Intervals, paired tests and sensitivity statistics."""
