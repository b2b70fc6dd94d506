"""Instructions, prompts, tasks with their labelled inputs, and where each is imported from."""
