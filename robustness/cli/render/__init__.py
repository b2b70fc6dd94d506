"""Values as plain text for a terminal, a file a subject."""
