"""Planning: planners at work in a process of their own."""

from daemon.planning.worker import CommandPlanner, NamedPlanner, PlannerWorker, Suggested

__all__ = ["CommandPlanner", "NamedPlanner", "PlannerWorker", "Suggested"]
