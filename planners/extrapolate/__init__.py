"""Search beyond the elements tried so far: compositions described by elemental properties."""

from planners.extrapolate.planner import Extrapolate

__all__ = ["Extrapolate"]
