"""Signals, calibration and verdict (pure); `evidently_report` alone knows Evidently."""
