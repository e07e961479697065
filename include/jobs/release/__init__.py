"""Decide what is served: promotion, rollback and A/B tests, with their ledger."""
