"""Direct inverse analysis: from a wanted result straight to the conditions that give it."""

from planners.inverse.planner import Inverse

__all__ = ["Inverse"]
