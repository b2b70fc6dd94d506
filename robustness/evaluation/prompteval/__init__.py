"""Estimates accuracy over many instructions from a part of the cells (PromptEval)."""
