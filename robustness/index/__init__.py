"""Where observed instructions lie in representation space, saved and searched with FAISS."""
