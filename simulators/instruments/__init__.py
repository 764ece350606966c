"""Simulated instruments, one file per model family."""
