"""Measures accuracy by instruction: studies, perturbations, published results, PromptEval."""
