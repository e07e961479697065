"""Signals, calibration and verdict (pure); `evidently_*` alone know Evidently."""
