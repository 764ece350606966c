"""Planners: pure functions from a problem and its history to the next points."""
