"""Histories as the JSON of requests to planners, faults all at once."""

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from planners.base import Measured, Observation, Problem, Status
from planners.errors import BadHistory, raise_any
from planners.factors.common import GREATEST
from planners.factors.possible import impossible
from planners.history import NOT_KNOWN
from planners.problem import nearest


def history_from_json(items: object, problem: Problem) -> list[Observation]:
    """Return the runs of a request's JSON; raise BadHistory with every fault.

    Values out of range pass: a person may have run them, and they teach all the same.
    """
    if not isinstance(items, list):
        raise BadHistory([f"must be a list of runs, got {items!r:.80}"])
    faults: list[str] = []
    runs = [_run(item, problem, f"run {i}", faults) for i, item in enumerate(items)]
    raise_any(faults)
    return runs


def _run(item: Any, problem: Problem, where: str, faults: list[str]) -> Observation:
    if not isinstance(item, Mapping):
        faults.append(f"{where}: must be an object, got {item!r:.80}")
        return Observation({})
    given = item.get("point")
    faults += [f"{where}: {fault}" for fault in _misplaced(given, problem)]
    status = item.get("status", "ok")
    if status not in get_args(Status):
        faults.append(f"{where}: status: must be one of {', '.join(get_args(Status))}")
    responses = _responses(item.get("responses", {}), where, faults)
    point, achieved = item.get("point", {}), item.get("achieved")
    if achieved is not None and not isinstance(achieved, Mapping):
        faults.append(f"{where}: achieved: must be an object, got {achieved!r:.80}")
    elif achieved is not None and isinstance(point, Mapping):
        faults += [f"{where}: achieved.{fault}" for fault in _impossible(problem, achieved)]
        achieved = {**point, **achieved}  # of what is not known, what was requested
    return Observation(point, responses, status, achieved)


def _misplaced(given: object, problem: Problem) -> Iterator[str]:
    """Give the factors along which a point has no place, and why."""
    point: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    names = [factor.name for factor in problem.factors]
    spare = [key for key in point if key not in names]
    for factor in problem.factors:
        if factor.name not in point:
            yield f"{factor.name}: is missing{nearest(factor.name, spare)}"
        elif not factor.has_row(value := point[factor.name]):
            yield f"{factor.name}: {factor.fault(value) or 'has no place in the problem'}"
        elif fault := impossible(factor, value):
            yield f"{factor.name}: {fault}"


def _impossible(problem: Problem, achieved: Mapping[str, Any]) -> Iterator[str]:
    for factor in problem.factors:
        value = achieved.get(factor.name)
        if value is not None and factor.has_row(value) and (fault := impossible(factor, value)):
            yield f"{factor.name}: {fault}; leave it out{NOT_KNOWN}"


def _responses(items: Any, where: str, faults: list[str]) -> dict[str, Measured]:
    measured: dict[str, Measured] = {}
    for name, given in items.items() if isinstance(items, Mapping) else ():
        try:
            value, sd = float(given["value"]), given.get("sd")
            measured[name] = Measured(value, None if sd is None else float(sd))
        except (TypeError, KeyError, ValueError, AttributeError, OverflowError):
            faults.append(
                f"{where}: {name}: must be an object with value and sd, got {given!r:.80}"
            )
            continue
        if not all(abs(number) <= GREATEST for number in (value, measured[name].sd or 0.0)):
            faults.append(
                f"{where}: {name}: must be numbers within +/- {GREATEST:g}, got {given!r:.80}"
            )
    return measured
