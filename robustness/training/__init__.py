"""Trains aligned models, runs ablations, and trains the embedded backbone."""
