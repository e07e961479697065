"""Refreshes: between trainings the champion's own configuration learns what was asked since."""
