"""Instructions, prompts, tasks with their labelled inputs, and importers of instructions."""
