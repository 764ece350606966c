"""Analysers, one file per model family."""
