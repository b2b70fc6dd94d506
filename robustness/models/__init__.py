"""Loads and runs language models: option log-probabilities, representations, generated text."""
