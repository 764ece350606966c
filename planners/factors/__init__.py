"""Factors: what a planner may vary, each with its own piece of the unit cube."""

from planners.factors.categorical import Categorical
from planners.factors.common import Array, FactorValue, number
from planners.factors.composition import Composition
from planners.factors.numeric import Continuous, Discrete, Transform

Factor = Continuous | Discrete | Categorical | Composition

__all__ = [
    "Array",
    "Categorical",
    "Composition",
    "Continuous",
    "Discrete",
    "Factor",
    "FactorValue",
    "Transform",
    "number",
]
