"""Asks the planner for the next point of a campaign, through the worker process."""

from collections.abc import Callable, Sequence
from dataclasses import asdict

from daemon.campaign.memory import Memory, Suggestion
from daemon.campaign.problem import observations, problem_for, told_records, whole_problem
from daemon.campaign.standing import Standing, standing_of
from daemon.errors import PlannerFailed
from daemon.planning.worker import CommandPlanner, NamedPlanner, PlannerWorker
from daemon.settings.conditions import fixed_conditions
from daemon.settings.models import CampaignSettings
from planners.base import Problem, plain_point
from planners.errors import BadProblem
from planners.fixing import hold


class PlannerAsker:
    """Asks one planner about one problem; a pure function of the memory and the seed."""

    def __init__(
        self,
        worker: PlannerWorker,
        planner: NamedPlanner | CommandPlanner,
        settings: Callable[[], CampaignSettings],
        seed: int,
    ) -> None:
        """``settings`` gives the campaign's section as it is now: its space may be edited."""
        self._worker, self._planner = worker, planner
        self._settings, self._seed = settings, seed

    async def ask(self, memory: Memory, pending: Sequence[Suggestion]) -> Suggestion | None:
        """Return the next point, or None when the planner is done; raise PlannerFailed.

        When somebody rejected a point and wished factors held, the point is in its place.
        """
        section = self._settings()
        problem, wish = problem_for(section, memory), next(iter(memory.wishes), None)
        history = observations(problem, memory, pending, fixed_conditions(section))
        if wish is not None:
            problem = _held(problem, wish)
        answer = await self._worker.suggest(self._planner, problem, history, 1, self._seed)
        if not answer.points:
            return None
        predicted = {name: asdict(value) for name, value in answer.predicted[0].items()}
        point = plain_point(answer.points[0])
        instead = wish.id if wish is not None else ""
        return Suggestion(
            memory.next_suggestion_id(), point, predicted, answer.note, instead_of=instead
        )

    async def standing(self, memory: Memory) -> Standing:
        """Return the most probable best experiments and what may still be gained."""
        problem = problem_for(self._settings(), memory)
        records, history = told_records(problem, memory), observations(problem, memory, [])
        whole = whole_problem(problem, history)
        answer = await self._worker.standing(problem, whole, history)
        return standing_of(answer, records, memory.done)


def _held(problem: Problem, wish: Suggestion) -> Problem:
    try:
        return hold(problem, wish.wish)
    except BadProblem as error:
        raise PlannerFailed(f"instead of {wish.id}: {'; '.join(error.faults)}") from None
