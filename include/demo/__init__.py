"""`make demo`: shows the platform on a fresh machine and verifies every step."""
