"""Whether anything in a campaign's box of factors can be run at all."""

from collections.abc import Iterator
from itertools import islice, product
from typing import Any

import numpy as np

from daemon.campaign.problem import problem_of, range_of
from daemon.experiment.feasibility import Feasible
from daemon.experiment.reach import Reach
from daemon.settings.conditions import factor_bounds, flat, plain_value, value_text
from daemon.settings.models import CampaignSettings, FactorSettings, Settings
from planners.base import Problem
from planners.errors import CannotSuggest
from planners.sampling import feasible_rows, no_point

N_TRIED = 200  # points inside the box, when no corner can be reached
N_CORNERS = 256
N_MIXTURES = 16  # of a composition, beside each component alone


def box_faults(settings: Settings, reach: Reach | None = None) -> list[str]:
    """Return the fault of a campaign whose whole box of factors is unreachable, or nothing.

    A part that cannot be reached is a matter for the planner; see :class:`Feasible`.
    """
    campaign = settings.campaign
    if campaign is None:
        return []
    feasible, problem = Feasible(settings, reach), problem_of(campaign)
    first: dict[str, Any] = {}
    for point in filter(problem.feasible, _points(campaign, problem)):
        if feasible(point):
            return []
        first = first or point
    if not first:
        return [f"campaign.constraints: {no_point(problem)}"]
    why = f"{_text(first)}: {feasible.why_not(first)[0]}"
    return [f"campaign.factors: unreachable flow: no point of the box can be run; {why}"]


def _points(campaign: CampaignSettings, problem: Problem) -> Iterator[dict[str, Any]]:
    """Return the box's centre, corners, and points spread over its inside; some break constraints.

    Those inside keep them.
    """
    names = [factor.name for factor in campaign.factors]
    choices = [_choices(factor) for factor in campaign.factors]
    centre = [_middle(f, own) for f, own in zip(campaign.factors, choices, strict=True)]
    yield dict(zip(names, centre, strict=True))
    for corner in islice(product(*choices), N_CORNERS):
        yield dict(zip(names, corner, strict=True))
    yield from _inside(problem, N_TRIED)


def _inside(problem: Problem, n: int) -> Iterator[dict[str, Any]]:
    """Give points spread over a problem that keep its constraints; the same at every check."""
    try:
        rows = feasible_rows(problem, n, np.random.default_rng(0))
    except CannotSuggest:
        return
    for row in rows[:n]:
        yield problem.scale(row)


def _middle(factor: FactorSettings, choices: list[Any]) -> Any:
    return sum(choices) / len(choices) if factor.kind == "continuous" else choices[0]


def _choices(factor: FactorSettings) -> list[Any]:
    """Return the ends of a range, the values of a list, or mixtures within their limits."""
    if factor.fixed is not None:
        value = plain_value(factor.name, factor.fixed)
        absent = dict.fromkeys(factor.components or (), 0.0)
        return [{**absent, **value} if isinstance(value, dict) else value]
    if factor.kind == "continuous":
        return list(factor_bounds(factor))
    if factor.kind in {"discrete", "categorical"}:
        return list(factor.listed)
    return [point[factor.name] for point in _inside(range_of(factor), N_MIXTURES)]


def _text(point: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value_text(value)}" for name, value in flat(point))
