"""Whether a campaign's planner has a first point, asked before anything is opened.

Only the planner itself knows which lists, targets and prices fit the factors and responses. Other
people's programs are left alone: they may do more than answer.
"""

from daemon.campaign.cost import costs
from daemon.campaign.memory import Memory
from daemon.campaign.problem import problem_for
from daemon.errors import PlannerFailed
from daemon.planning.worker import PlannerWorker, planner_of
from daemon.settings.models import PlannerCommand, Settings


async def first_point_faults(settings: Settings) -> list[str]:
    """Return why the planner of a configuration without fault will not begin."""
    section = settings.campaign
    if section is None or isinstance(section.planner, PlannerCommand):
        return []
    planner, worker = planner_of(section, costs(settings)), PlannerWorker()
    try:
        await worker.suggest(planner, problem_for(section, Memory()), [], 1, section.seed)
    except PlannerFailed as error:
        named = f"{planner.label}: "  # before the first fault only
        faults = str(error).removeprefix(named).splitlines()
        return [f"campaign.planner: {named}{line}" for line in faults]
    finally:
        await worker.stop()
    return []
