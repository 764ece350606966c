"""Factors that a person fixes: at a value, or at one value for all points of an answer.

Either is a problem of its own for the planner (``planners.factors.held``), so that every planner
can do it; history stays as it is, and runs at other values still teach.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from planners.base import Problem
from planners.cells import number_of
from planners.errors import BadOption, BadProblem
from planners.factors import Composition, Continuous, Discrete, Factor, FactorValue
from planners.factors.held import held
from planners.factors.written import meant
from planners.problem import nearest


def hold(problem: Problem, values: Mapping[str, FactorValue]) -> Problem:
    """Return the problem with some factors held at values.

    Raises BadProblem when a value is not one of its factor's, or leaves no room for a constraint.
    """
    faults = _unknown(problem, list(values))
    for factor in problem.factors:
        if factor.name in values and (fault := factor.fault(values[factor.name])):
            faults.append(f"{factor.name}: {fault}")
    if faults:
        raise BadProblem(faults)
    factors = tuple(held(f, values[f.name]) if f.name in values else f for f in problem.factors)
    return replace(problem, factors=factors)


def parse_fixed(problem: Problem, pairs: Sequence[str]) -> dict[str, FactorValue]:
    """Return ``NAME=VALUE`` arguments as values of factors; raise BadOption with every fault."""
    faults: list[str] = []
    values: dict[str, FactorValue] = {}
    by_name = {factor.name: factor for factor in problem.factors}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            faults.append(f"must be NAME=VALUE, got {pair!r}")
        elif name not in by_name:
            faults += _unknown(problem, [name])
        elif name in values:
            faults.append(f"{name}: is given twice")
        else:
            value = meant(by_name[name], _read(by_name[name], text))
            fault = by_name[name].fault(value)
            faults += [f"{name}: {fault}"] if fault else []
            values[name] = value
    if faults:
        raise BadOption([f"--fix: {fault}" for fault in faults])
    return values


def check_shared(problem: Problem, names: Sequence[str]) -> None:
    """Raise BadOption when ``--shared`` names what is no factor."""
    if faults := _unknown(problem, names):
        raise BadOption([f"--shared: {fault}" for fault in faults])


def _unknown(problem: Problem, names: Sequence[str]) -> list[str]:
    known = [factor.name for factor in problem.factors]
    return [_is_none(problem, name, known) for name in names if name not in known]


def _is_none(problem: Problem, name: str, known: Sequence[str]) -> str:
    whole = [f.name for f in problem.factors if isinstance(f, Composition) and name in f.terms]
    if whole:
        return f"{name}: is a part of {whole[0]!r}; fix all of it, or write a constraint"
    listed = ", ".join(known)
    return f"{name}: is no factor of this problem{nearest(name, known)}; they are {listed}"


def _read(factor: Factor, text: str) -> Any:
    """Return a text as a value of a factor; what cannot be read stays text, which is a fault."""
    if isinstance(factor, Composition):
        return _amounts(factor, text.strip())
    if isinstance(factor, Continuous | Discrete):
        return _number(text)
    return text.strip()


def _number(text: str) -> Any:
    value = number_of(text)
    return text if value is None else value


def _amounts(factor: Composition, text: str) -> Any:
    """Return ``Pt=0.5,Mo=0.5`` or a JSON object as amounts; components not named are absent."""
    if text.startswith("{"):
        try:
            given = json.loads(text)
        except (ValueError, RecursionError):
            return text
    else:
        pairs = [part.partition("=") for part in text.split(",")]
        given = {name.strip(): _number(amount) for name, _, amount in pairs}
    if not isinstance(given, Mapping) or set(given) - set(factor.components):
        return given
    return {component: given.get(component, 0.0) for component in factor.components}
