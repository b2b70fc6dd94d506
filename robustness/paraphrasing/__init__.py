"""Proposes paraphrases of an instruction and keeps the valid ones."""
