"""Trains aligned models, ablations and the embedded backbone."""
