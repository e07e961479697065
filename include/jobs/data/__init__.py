"""What models learn from and are tested on: months of stored questions, prepared once."""
