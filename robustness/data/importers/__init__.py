"""Where collections of instructions come from: one source a file."""
