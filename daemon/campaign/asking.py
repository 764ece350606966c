"""Asks the planner for the next point of a campaign, through the worker process."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import structlog

from daemon.campaign.memory import Memory, Suggestion
from daemon.campaign.problem import observations, problem_for, told_records, whole_problem
from daemon.campaign.standing import Standing, standing_of
from daemon.errors import PlannerFailed
from daemon.planning.worker import CommandPlanner, NamedPlanner, PlannerWorker
from daemon.settings.conditions import fixed_conditions
from daemon.settings.models import CampaignSettings
from planners.base import Observation, Problem, plain_point
from planners.errors import BadProblem
from planners.fixing import hold
from planners.offset import remarks_on_achieved
from planners.protocol import NOTHING_LEFT

log = structlog.get_logger(__name__)


class PlannerAsker:
    """Asks one planner about one problem; a pure function of the memory and the seed."""

    def __init__(
        self,
        worker: PlannerWorker,
        planner: NamedPlanner | CommandPlanner,
        settings: Callable[[], CampaignSettings],
        units: Mapping[str, str],
        seed: int,
        late: Collection[str] = (),
    ) -> None:
        """``settings`` gives the campaign's section as it is now: its space may be edited.

        ``units`` are those of the responses, ``late`` are the responses that people hand in.
        """
        self._worker, self._planner = worker, planner
        self._settings, self._units, self._seed = settings, units, seed
        self._late = frozenset(late)
        self.remark = ""  # beside the last answer without points: what is passed over, say

    async def ask(self, memory: Memory, pending: Sequence[Suggestion], n: int) -> list[Suggestion]:
        """Return up to ``n`` next points, none when the planner is done; raise PlannerFailed.

        When somebody rejected a point and wished factors held, one point in its place is returned.
        """
        section = self._settings()
        problem = problem_for(section, memory, self._units)
        wish = next(iter(memory.wishes), None)
        history = observations(problem, memory, pending, fixed_conditions(section), self._late)
        if wish is not None:
            problem, n = _held(problem, wish), 1
        elif section.shared and pending:
            problem = _sharing(problem, pending[-1].point, section.shared)
        instead = wish.id if wish is not None else ""
        if not section.shared or isinstance(self._planner, NamedPlanner):
            return await self._found(problem, history, n, memory, instead)
        found = await self._found(problem, history, 1, memory, instead)
        if found and len(found) < n:  # the first decides what the others share
            problem = _sharing(problem, found[0].point, section.shared)
            history = [*history, Observation(found[0].point, {}, "pending")]
            found += await self._found(problem, history, n - 1, memory, "")
        return found

    async def _found(
        self,
        problem: Problem,
        history: Sequence[Observation],
        n: int,
        memory: Memory,
        instead_of: str,
    ) -> list[Suggestion]:
        shared = self._settings().shared
        answer = await self._worker.suggest(self._planner, problem, history, n, self._seed, shared)
        if not answer.points:
            log.info("planner.finished", note=answer.note)
            self.remark = answer.note.removeprefix(NOTHING_LEFT).removeprefix("; ")
        rows = zip(answer.points, answer.predicted, answer.notes, strict=True)
        return [
            Suggestion(
                memory.next_suggestion_id(),
                plain_point(point),
                {name: asdict(value) for name, value in predicted.items()},
                note,
                instead_of=instead_of,
            )
            for point, predicted, note in rows
        ]

    def _told(self, problem: Problem, memory: Memory) -> list[Observation]:
        return observations(problem, memory, [], late=self._late)

    async def standing(self, memory: Memory) -> Standing:
        """Return the most probable best experiments and what may still be gained."""
        problem = problem_for(self._settings(), memory, self._units)
        records, history = told_records(problem, memory), self._told(problem, memory)
        whole = whole_problem(problem, history)
        answer = await self._worker.standing(problem, whole, history)
        lacking = [r.name for r in problem.responses if _good_values(history, r.name) < 2]
        otherwise = remarks_on_achieved(problem, history)
        return standing_of(answer, records, memory.done, lacking, otherwise)


def _good_values(history: Sequence[Observation], response: str) -> int:
    return sum(run.status == "ok" and response in run.responses for run in history)


def _sharing(problem: Problem, point: Mapping[str, Any], shared: Sequence[str]) -> Problem:
    """Return the problem with the shared factors as in a point of the batch, where it may be."""
    own = {name: point[name] for name in shared if name in point}
    try:
        return hold(problem, own)
    except BadProblem:  # the space was edited meanwhile, or nobody would keep a constraint
        return problem


def _held(problem: Problem, wish: Suggestion) -> Problem:
    try:
        return hold(problem, wish.wish)
    except BadProblem as error:
        raise PlannerFailed(f"instead of {wish.id}: {'; '.join(error.faults)}") from None
