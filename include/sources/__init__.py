"""Where questions come from: each source yields the same `Question`."""
