"""What is served: promotion, rollback, A/B tests and their ledger."""
