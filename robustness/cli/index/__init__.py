"""Commands of the observed index."""
