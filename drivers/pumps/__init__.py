"""Pumps, one file per model family."""
