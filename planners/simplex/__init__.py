"""Nelder and Mead's simplex, modified for noisy experiments."""

from planners.simplex.planner import Simplex

__all__ = ["Simplex"]
