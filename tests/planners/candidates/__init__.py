"""Adaptive design from a list."""
