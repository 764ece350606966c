"""Adaptive design from a list: which of the experiments that could be done is worth most."""

from planners.candidates.planner import Candidates

__all__ = ["Candidates"]
