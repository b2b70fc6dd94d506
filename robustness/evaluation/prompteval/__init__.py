"""PromptEval: estimates accuracy over many instructions from a fraction of the evaluations."""
