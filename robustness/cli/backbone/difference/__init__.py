"""Commands for the difference between a tuned model and the one that it was tuned from."""
