"""Gaussian-process Bayesian optimisation, for one goal or several."""

from planners.bayes.planner import Bayes

__all__ = ["Bayes"]
