"""Sensors, one file per model family."""
