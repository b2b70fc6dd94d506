"""Proposes paraphrases of an instruction, by rules or by a language model, and filters them."""
