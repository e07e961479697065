"""Metrics, slices, paired bootstrap, selection. Pure."""
