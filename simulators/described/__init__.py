"""Simulated instruments made of a description file: the twin of ``drivers.described``.

It reads the same files and shares no code with the drivers: one reader must not hide what the
other misunderstands.
"""
