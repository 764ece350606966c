"""Asks the planner for the next point of a campaign, through the worker process."""

from collections.abc import Sequence
from dataclasses import asdict

from daemon.campaign.memory import Memory, Suggestion
from daemon.campaign.problem import observations
from daemon.planning.worker import CommandPlanner, NamedPlanner, PlannerWorker
from planners.base import Problem, plain_point


class PlannerAsker:
    """Asks one planner about one problem; a pure function of the memory and the seed."""

    def __init__(
        self,
        worker: PlannerWorker,
        planner: NamedPlanner | CommandPlanner,
        problem: Problem,
        seed: int,
    ) -> None:
        self._worker, self._planner = worker, planner
        self._problem, self._seed = problem, seed

    async def ask(self, memory: Memory, pending: Sequence[Suggestion]) -> Suggestion | None:
        """Return the next point, or None when the planner is done; raise PlannerFailed."""
        history = observations(self._problem, memory, pending)
        answer = await self._worker.suggest(self._planner, self._problem, history, 1, self._seed)
        if not answer.points:
            return None
        predicted = {name: asdict(value) for name, value in answer.predicted[0].items()}
        point = plain_point(answer.points[0])
        return Suggestion(memory.next_suggestion_id(), point, predicted, answer.note)
