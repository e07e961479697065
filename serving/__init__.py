"""The suggestion service (Flask)."""
