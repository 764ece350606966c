"""Switching and selector valves."""
