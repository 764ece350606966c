"""What is known so far, for people: the most probable best run, what is expected, and pictures."""

from planners.report.summary import summarise

__all__ = ["summarise"]
