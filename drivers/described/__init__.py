"""Instruments made of a description file, without code (docs/describing-an-instrument.md)."""
