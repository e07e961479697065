"""Ingest questions from a source into PostgreSQL, a month or a file at a time."""
