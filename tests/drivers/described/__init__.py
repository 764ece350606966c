"""Described instruments, the drivers' side."""
