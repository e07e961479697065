"""Sources of questions; each yields the same `Question`."""
