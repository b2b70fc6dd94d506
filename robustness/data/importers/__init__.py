"""Importers of instruction collections, one module per source format."""
