"""Reads and writes files: atomically, with a schema number and a record of what made them."""
