"""Check questions and predictions for drift, and decide on retraining."""
