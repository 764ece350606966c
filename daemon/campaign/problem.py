"""What the planner sees of a campaign: its problem, and its experiments as observations."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from math import isclose
from types import MappingProxyType
from typing import Any

from daemon.campaign.memory import Memory, Suggestion
from daemon.experiment.record import ExperimentRecord
from daemon.settings.conditions import (
    factor_bounds,
    factor_unit,
    fixed_conditions,
    plain_value,
)
from daemon.settings.models import CampaignSettings, FactorSettings, ObjectiveSettings
from planners.base import Measured, Observation, Problem, Status
from planners.bayes.options import runs
from planners.errors import BadOption
from planners.factors.possible import impossible

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
    return _problem(campaign.factors, campaign.objectives, campaign.constraints)


def range_of(factor: FactorSettings) -> Problem:
    """Return one factor within its own limits, as a problem without responses."""
    return _problem([factor], [], [])


def _problem(
    factors: Sequence[FactorSettings],
    objectives: Sequence[ObjectiveSettings],
    constraints: Sequence[Mapping[str, Any]],
) -> Problem:
    limits = [row for factor in factors for row in _limits(factor)]
    return Problem.from_json(
        {
            "factors": [_factor(factor) for factor in factors],
            "responses": [_response(objective) for objective in objectives],
            "constraints": [*constraints, *limits],
        }
    )


def _factor(factor: FactorSettings) -> dict[str, Any]:
    row: dict[str, Any] = {"name": factor.name, "kind": factor.kind}
    if factor.fixed is not None:
        row["held"] = plain_value(factor.name, factor.fixed)
    if factor.kind == "discrete":
        return row | {"values": factor.values}
    if factor.kind == "categorical":
        levels, described = factor.levels or (), factor.descriptors
        known = {level: described[level] for level in levels if level in described}
        return row | {"levels": factor.levels} | ({"descriptors": known} if known else {})
    if factor.kind == "composition":
        most = {"max_components": factor.max_components} if factor.max_components else {}
        if isinstance(held := row.get("held"), dict):
            row["held"] = {**dict.fromkeys(factor.components or (), 0.0), **held}
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


def problem_for(
    campaign: CampaignSettings, memory: Memory, units: Mapping[str, str] = MappingProxyType({})
) -> Problem:
    """Return the problem with room for what was run before the space was edited.

    ``units`` are those of the responses: what a response is tells a planner what to expect of it.

    Values and levels dropped from a list stay known, also those that only an earlier campaign
    tried, and a condition that is fixed now but varied once is a factor held at its value: its
    runs teach where they were, and are not asked for again. Levels that are dropped from a list
    with descriptors keep theirs in the file, or their runs are not told.
    """
    document = problem_of(campaign).to_json()
    requested = [r.requested for r in memory.records.values() if r.status in STATUS]
    earlier = _earlier(campaign)
    for factor, own in zip(document["factors"], campaign.factors, strict=True):
        seen = _values(requested, own.name) | {
            value
            for value in _values(earlier, own.name)
            if factor["kind"] == "discrete" or value in own.dropped
        }
        if factor["kind"] == "discrete":
            dropped = sorted(value for value in seen if _is_gone(value, factor["values"]))
        elif factor["kind"] == "categorical":
            dropped = _gone_levels(own, seen)
            if "descriptors" in factor:
                factor["descriptors"] |= {level: own.descriptors[level] for level in dropped}
        else:
            continue
        if dropped:
            factor["dropped"] = dropped
    for response in document["responses"]:
        response["unit"] = units.get(response["name"], "")
    document["factors"] += _once_varied(campaign, requested)
    return Problem.from_json(document)


def _earlier(campaign: CampaignSettings) -> list[Mapping[str, Any]]:
    """Return the points of an earlier campaign's runs, where the file gives the planner some."""
    try:
        rows = runs("earlier", campaign.options.get("earlier"))
    except BadOption:
        return []  # the planner will say what is wrong with them
    return [point for row in rows if isinstance(point := row.get("point"), Mapping)]


def _values(points: Sequence[Mapping[str, Any]], name: str) -> set[Any]:
    return {v for point in points if isinstance(v := point.get(name), int | float | str)}


def _is_gone(value: Any, kept: Sequence[float]) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return all(not isclose(value, own, rel_tol=1e-9, abs_tol=1e-9) for own in kept)


def _gone_levels(factor: FactorSettings, seen: set[Any]) -> list[str]:
    levels, known = factor.levels or (), factor.descriptors
    gone = sorted(v for v in seen if isinstance(v, str) and v not in levels)
    return [level for level in gone if level in known or not known]


def _once_varied(
    campaign: CampaignSettings, requested: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return conditions that are fixed, and were run at other values, as factors held."""
    found: list[dict[str, Any]] = []
    for name, value in fixed_conditions(campaign).items():
        seen = [row[name] for row in requested if isinstance(row.get(name), int | float)]
        if isinstance(value, float) and any(other != value for other in seen):
            low, high = min(*seen, value), max(*seen, value)
            row = {"name": name, "kind": "continuous", "low": low, "high": high}
            found.append(row | {"unit": factor_unit(name), "held": value})
    return found


def whole_problem(problem: Problem, history: Sequence[Observation]) -> Problem:
    """Return the problem with room for every run of a history: nothing held, nothing dropped.

    Constraints are left out: they say what may be asked for, not what was run.
    """
    document = problem.to_json() | {"constraints": []}
    for factor in document["factors"]:
        factor.pop("held", None)
        factor.pop("max_components", None)
        runs: list[Any] = [run.point[factor["name"]] for run in history]
        if factor["kind"] == "continuous":
            known = [factor["low"], factor["high"], *runs]
            factor["low"], factor["high"] = min(known), max(known)
        for key in ("values", "levels"):
            if key in factor:
                factor[key] = [*factor[key], *factor.pop("dropped", ())]
    return Problem.from_json(document)


def told_records(problem: Problem, memory: Memory) -> list[ExperimentRecord]:
    """Return the records a planner is told of, in the order of its history."""
    return [
        record
        for record in memory.records.values()
        if record.status in STATUS
        and record.status != "running"
        and not record.blameless
        and _covers(record.requested, problem)
    ]


def observations(
    problem: Problem,
    memory: Memory,
    pending: Sequence[Suggestion],
    fixed: Mapping[str, Any] = MappingProxyType({}),
    late: Collection[str] = (),
) -> list[Observation]:
    """Return the history: every experiment spent, every veto, and the points pending.

    ``fixed`` is what the points pending will be run at besides what they say, ``late`` are the
    responses that people hand in.

    Interrupted experiments are left out: they gave nothing, and their points are run again. So are
    those that failed because an instrument was lost: their points may be asked for again.
    """
    done = [_observation(problem, record, late) for record in told_records(problem, memory)]
    vetoed = _asked_for(memory.vetoed, problem, "failed")
    whole = [replace(s, point={**fixed, **s.point}) for s in pending]
    return [*done, *vetoed, *_asked_for(whole, problem, "pending")]


def _asked_for(
    suggestions: Sequence[Suggestion], problem: Problem, status: Status
) -> list[Observation]:
    """Return points nobody has run as observations, in the order they were thought of.

    The order people decided in is not on record; a restart must give the same history.
    """
    known = sorted(suggestions, key=lambda s: (len(s.id), s.id))
    covered = [s.point for s in known if _covers(s.point, problem)]
    return [Observation(_cut(point, problem), {}, status) for point in covered]


def _covers(point: Mapping[str, Any], problem: Problem) -> bool:
    """Return whether a point (perhaps a person's) sets every factor to something it knows."""
    return all(factor.has_row(point.get(factor.name)) for factor in problem.factors)


def _cut(point: Mapping[str, Any], problem: Problem) -> dict[str, Any]:
    return {factor.name: point[factor.name] for factor in problem.factors}


def _observation(problem: Problem, record: ExperimentRecord, late: Collection[str]) -> Observation:
    measured = {
        response.name: Measured(value.value, value.sd)
        for response in problem.responses
        if (value := record.responses.get(response.name)) is not None
        and value.value is not None
        and value.quality != "failed"
    }
    status = STATUS[record.status]
    if not measured and status in {"ok", "suspect"}:
        status = _without_value(problem, record, late) or status
    requested = _cut(record.requested, problem)
    known = _known(record.achieved, problem)
    achieved = {**requested, **known} if known else None
    return Observation(requested, measured, status, achieved)


def _without_value(
    problem: Problem, record: ExperimentRecord, late: Collection[str]
) -> Status | None:
    """Return what a run is that has no value of any response asked for; None: as it ended.

    The campaign may have had another objective then: such a run has nothing to come.
    """
    names = [response.name for response in problem.responses]
    if any(name in late and name not in record.responses for name in names):
        return "pending"
    return "failed" if any(name in record.responses for name in names) else None


def _known(achieved: Mapping[str, Any], problem: Problem) -> dict[str, Any]:
    """Return what was read of each factor; where an instrument said nothing that can be, nothing.

    Of such a factor the value asked for counts.
    """
    return {
        factor.name: achieved[factor.name]
        for factor in problem.factors
        if factor.has_row(achieved.get(factor.name))
        and not impossible(factor, achieved[factor.name])
    }
