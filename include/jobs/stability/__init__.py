"""Stability studies: monthly models, tested on every later month, and reports on them."""
