"""Planning: planners at work in a process of their own."""

from daemon.planning.worker import (
    CommandPlanner,
    NamedPlanner,
    PlannerWorker,
    Suggested,
    planner_of,
)

__all__ = ["CommandPlanner", "NamedPlanner", "PlannerWorker", "Suggested", "planner_of"]
