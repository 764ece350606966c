"""A problem as plain variables, for libraries that know numbers, choices and linear constraints.

Compositions become one number per component and a sum that must be kept; constraints with one term
become bounds. Written without any library, and used in the peers' environments only.
"""

from dataclasses import dataclass, field
from math import exp, inf, log


class CannotExpressError(Exception):
    """A peer has no documented way to say this."""


@dataclass
class Variable:
    """A number (``real``), one of a few numbers (``ordinal``) or one of a few names (``name``)."""

    name: str
    kind: str
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    values: list = field(default_factory=list)


@dataclass
class Linear:
    """``low <= sum of coefficient * variable <= high``; a bound may be infinite."""

    terms: dict
    low: float
    high: float

    def broken_by(self, values):
        """Return by how much values break it, 0 when they do not."""
        total = sum(c * values[name] for name, c in self.terms.items())
        return max(self.low - total, total - self.high, 0.0)


class Space:
    """Variables, constraints and sums of one problem; ``logs`` turns log factors into ln values."""

    def __init__(self, problem, *, logs=False):
        self.factors = problem["factors"]
        self.logs = logs
        self.variables, self.sums = [], []
        for factor in self.factors:
            getattr(self, f"_add_{factor['kind']}")(factor)
        self.by_name = {v.name: v for v in self.variables}
        self.linear = []
        for constraint in problem.get("constraints", []):
            self._constrain(constraint)

    def _add_continuous(self, factor):
        logarithmic = factor.get("transform") == "log"
        low, high = factor["low"], factor["high"]
        if logarithmic and self.logs:
            low, high = log(low), log(high)
        self.variables.append(Variable(factor["name"], "real", low, high, logarithmic))

    def _add_discrete(self, factor):
        values = [float(v) for v in factor["values"]]
        self.variables.append(
            Variable(factor["name"], "ordinal", min(values), max(values), values=values)
        )

    def _add_categorical(self, factor):
        self.variables.append(Variable(factor["name"], "name", values=list(factor["levels"])))

    def _add_composition(self, factor):
        if factor.get("max_components"):
            raise CannotExpressError("at most so many components")
        names = [f"{factor['name']}.{c}" for c in factor["components"]]
        self.variables += [Variable(name, "real", 0.0, factor["total"]) for name in names]
        self.sums.append((names, factor["total"]))

    def _constrain(self, constraint):
        if constraint.get("kind", "linear") != "linear":
            raise CannotExpressError("a constraint that is not linear")
        terms = constraint["terms"]
        low = constraint.get("at_least", -inf)
        high = constraint.get("at_most", inf)
        if any(self.by_name[name].log for name in terms):
            raise CannotExpressError("a linear constraint on a logarithmic factor")
        if len(terms) > 1:
            self.linear.append(Linear(dict(terms), low, high))
            return
        ((name, coefficient),) = terms.items()
        ends = sorted(end / coefficient for end in (low, high))
        variable = self.by_name[name]
        variable.low, variable.high = max(variable.low, ends[0]), min(variable.high, ends[1])

    def point(self, values):
        """Return the point of values by variable; rounding is taken off bounds and sums."""
        point = {}
        for factor in self.factors:
            name = factor["name"]
            if factor["kind"] == "composition":
                point[name] = self._composition(factor, values)
            elif factor["kind"] == "categorical":
                point[name] = str(values[name])
            else:
                value = float(values[name])
                if self.by_name[name].log and self.logs:
                    value = exp(value)
                point[name] = _near(value, self._ends(factor))
        return point

    @staticmethod
    def _ends(factor):
        values = factor.get("values") or (factor["low"], factor["high"])
        return min(values), max(values)

    def _composition(self, factor, values):
        amounts = {}
        for component in factor["components"]:
            variable = self.by_name[f"{factor['name']}.{component}"]
            amounts[component] = _near(float(values[variable.name]), (variable.low, variable.high))
        excess = sum(amounts.values()) - factor["total"]
        if abs(excess) < 1e-3 * factor["total"]:  # a solver's tolerance: the freest one takes it
            freest = max(
                amounts,
                key=lambda c: min(
                    amounts[c] - self.by_name[f"{factor['name']}.{c}"].low,
                    self.by_name[f"{factor['name']}.{c}"].high - amounts[c],
                ),
            )
            amounts[freest] -= excess
        return amounts

    def values(self, point):
        """Return the values by variable of a point."""
        values = {}
        for factor in self.factors:
            given = point[factor["name"]]
            if factor["kind"] == "composition":
                values |= {f"{factor['name']}.{c}": given.get(c, 0.0) for c in factor["components"]}
            elif factor["kind"] == "continuous" and factor.get("transform") == "log" and self.logs:
                values[factor["name"]] = log(given)
            else:
                values[factor["name"]] = given
        return values


def _near(value, ends):
    low, high = ends
    slack = 1e-3 * (high - low)
    return min(max(value, low), high) if low - slack <= value <= high + slack else value


def width(response):
    """Return the width of a response's target range."""
    return response["high"] - response["low"]


def violation(response, value):
    """Return how far a value lies outside a target range, in widths; negative inside."""
    return max(response["low"] - value, value - response["high"]) / width(response)
