"""What the planner sees of a campaign: its problem, and its experiments as observations."""

from collections.abc import Mapping, Sequence
from typing import Any

from daemon.campaign.memory import Memory, Suggestion
from daemon.experiment.record import ExperimentRecord
from daemon.settings.conditions import factor_bounds, factor_unit
from daemon.settings.models import CampaignSettings, FactorSettings, ObjectiveSettings
from planners.base import Measured, Observation, Problem, Status

STATUS: Mapping[str, Status] = {
    "ok": "ok",
    "suspect": "suspect",
    "failed": "failed",
    "refused": "failed",  # not to be proposed again
    "aborted": "failed",
    "running": "pending",
}


def problem_of(campaign: CampaignSettings) -> Problem:
    """Return the planner's problem; units as in CONTRACT, problems (min for residence times)."""
    limits = [row for factor in campaign.factors for row in _limits(factor)]
    return Problem.from_json(
        {
            "factors": [_factor(factor) for factor in campaign.factors],
            "responses": [_response(objective) for objective in campaign.objectives],
            "constraints": [*campaign.constraints, *limits],
        }
    )


def _factor(factor: FactorSettings) -> dict[str, Any]:
    row: dict[str, Any] = {"name": factor.name, "kind": factor.kind}
    if factor.kind == "discrete":
        return row | {"values": factor.values}
    if factor.kind == "composition":
        most = {"max_components": factor.max_components} if factor.max_components else {}
        return row | {"components": factor.components, "total": factor.total} | most
    low, high = factor_bounds(factor)
    unit = factor_unit(factor.name)
    return row | {"low": low, "high": high, "unit": unit, "transform": factor.transform}


def _limits(factor: FactorSettings) -> list[dict[str, Any]]:
    """Return the limits of a composition's components as constraints."""
    return [
        {"terms": {f"{factor.name}.{name}": 1.0}, "at_least": low, "at_most": high}
        for name, (low, high) in factor.limits.items()
    ]


def _response(objective: ObjectiveSettings) -> dict[str, Any]:
    row: dict[str, Any] = {"name": objective.response, "goal": objective.goal}
    if objective.goal == "target":
        row |= {"low": objective.low, "high": objective.high}
    return row


def observations(
    problem: Problem, memory: Memory, pending: Sequence[Suggestion]
) -> list[Observation]:
    """Return the history: every experiment spent, every veto, and the points pending.

    Interrupted experiments are left out: they gave nothing, and their points are run again.
    """
    names = [factor.name for factor in problem.factors]
    done = [
        _observation(problem, names, record)
        for record in memory.records.values()
        if record.status in STATUS
        and record.status != "running"
        and _covers(record.requested, names)
    ]
    vetoed = [
        Observation(_cut(s.point, names), {}, "failed")
        for s in memory.vetoed
        if _covers(s.point, names)
    ]
    waiting = [
        Observation(_cut(s.point, names), {}, "pending") for s in pending if _covers(s.point, names)
    ]
    return [*done, *vetoed, *waiting]


def _covers(point: Mapping[str, Any], names: Sequence[str]) -> bool:
    """Return whether a point (perhaps a person's) sets every factor of the problem."""
    return all(name in point for name in names)


def _cut(point: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: point[name] for name in names}


def _observation(problem: Problem, names: Sequence[str], record: ExperimentRecord) -> Observation:
    measured = {
        response.name: Measured(value.value, value.sd)
        for response in problem.responses
        if (value := record.responses.get(response.name)) is not None
        and value.value is not None
        and value.quality != "failed"
    }
    status = STATUS[record.status]
    if not measured and status in {"ok", "suspect"}:
        status = "pending"  # an offline analysis is still to come
    achieved = _cut(record.achieved, names) if _covers(record.achieved, names) else None
    return Observation(_cut(record.requested, names), measured, status, achieved)
