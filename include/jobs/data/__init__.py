"""Training and test data of models: months of stored questions, prepared once."""
