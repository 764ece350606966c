"""Described instruments, the simulated side."""
