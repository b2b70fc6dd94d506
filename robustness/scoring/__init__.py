"""Scores a table of instructions, in one process or on a Ray cluster."""
