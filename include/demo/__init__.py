"""`make demo`: the platform's story on a fresh machine, every step of it verified."""
