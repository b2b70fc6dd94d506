"""Loads a language model and reads it: option log-probabilities, representations, text."""
