"""Commands that make the embedded backbone."""
