"""Renders the library's values as plain text for a terminal."""
