"""Thermostats and temperature controllers, one file per model family."""
