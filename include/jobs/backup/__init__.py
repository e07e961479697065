"""Backups of databases and files: verified by hash, restored into an empty stack."""
