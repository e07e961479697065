"""Check questions and predictions for drift, and decide what follows."""
