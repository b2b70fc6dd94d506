"""The observed index: representations of observed instructions, saved and searched with FAISS."""
