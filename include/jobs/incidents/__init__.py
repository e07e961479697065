"""Failed tasks and overdue runs: what people are told, through an outbox that loses nothing."""
