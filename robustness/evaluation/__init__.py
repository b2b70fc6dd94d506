"""Evaluates models by instruction: studies, perturbations, published results, PromptEval."""
