"""Designs of experiments: tables of runs that are chosen before anything is measured."""

from planners.design.hypercube import LatinHypercube, design_rows
from planners.design.planner import Design

__all__ = ["Design", "LatinHypercube", "design_rows"]
