"""Recordings of all bytes on the lines: written beside a run, replayed as a test of the drivers."""
