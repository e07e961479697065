"""A model a month, tested on every later month; what a year of them says."""
