"""BayBE's campaign with its default recommender (one random point first, then Botorch).

Sums and linear constraints are ContinuousLinearConstraints; several objectives a ParetoObjective;
target ranges bell-shaped matches around their middle, joined by a DesirabilityObjective (with
other objectives: one more target of the ParetoObjective). BayBE has no failed runs and no black-box
constraints: a failed run is told with the worst value so far.
"""

import baybe
import pandas as pd
import torch
from baybe import Campaign
from baybe.constraints import ContinuousLinearConstraint
from baybe.objectives import DesirabilityObjective, ParetoObjective, SingleTargetObjective
from baybe.parameters import (
    CategoricalParameter,
    NumericalContinuousParameter,
    NumericalDiscreteParameter,
)
from baybe.searchspace import SearchSpace
from baybe.settings import Settings
from baybe.targets import NumericalTarget
from space import Space, width

torch.set_num_threads(1)


def versions():
    return {"baybe": baybe.__version__, "torch": torch.__version__}


class Peer:
    how = (
        "default recommender; log factors as ln values; mixtures and limits by"
        " ContinuousLinearConstraint; Pareto or Desirability objective; failed runs told with the"
        " worst value"
    )

    def __init__(self, problem, seed, may_fail):  # noqa: ARG002  # nothing to declare
        Settings(random_seed=seed).activate()
        self.space = Space(problem, logs=True)
        self.responses = problem["responses"]
        searchspace = SearchSpace.from_product(
            [_parameter(v) for v in self.space.variables], list(self._constraints())
        )
        self.campaign = Campaign(searchspace, _objective(self.responses))
        self.waiting, self.failed = [], []
        self.known = {r["name"]: [] for r in self.responses}

    def _constraints(self):
        for names, total in self.space.sums:
            yield ContinuousLinearConstraint(names, "=", [1.0] * len(names), total)
        for c in self.space.linear:
            names, coefficients = list(c.terms), list(c.terms.values())
            if c.high < float("inf"):
                yield ContinuousLinearConstraint(names, "<=", coefficients, c.high)
            if c.low > float("-inf"):
                yield ContinuousLinearConstraint(names, ">=", coefficients, c.low)

    def ask(self, count):
        pending = pd.DataFrame(self.waiting) if self.waiting else None
        found = self.campaign.recommend(count, pending_experiments=pending)
        rows = [dict(row) for _, row in found.iterrows()]
        self.waiting += rows
        return [self.space.point(row) for row in rows]

    def tell(self, point, status, responses):
        row = next((r for r in self.waiting if self.space.point(r) == point), None)
        if status != "ok":
            self.failed.append(row or self.space.values(point))
        else:
            for name, value in responses.items():
                self.known[name].append(value)
            self._measured(row or self.space.values(point), responses)
        if all(self.known.values()):  # before any run is good a failed one only waits
            worst = {r["name"]: self._worst(r) for r in self.responses}
            while self.failed:
                self._measured(self.failed.pop(0), worst)

    def _measured(self, row, responses):
        self.campaign.add_measurements(pd.DataFrame([row | responses]))
        if row in self.waiting:
            self.waiting.remove(row)

    def _worst(self, response):
        known = self.known[response["name"]]
        return max(known) if response["goal"] == "minimise" else min(known)


def _parameter(v):
    if v.kind == "name":
        return CategoricalParameter(v.name, v.values)
    if v.kind == "ordinal":
        return NumericalDiscreteParameter(v.name, v.values)
    return NumericalContinuousParameter(v.name, (v.low, v.high))


def _target(response):
    if response["goal"] == "target":
        middle = (response["low"] + response["high"]) / 2
        return NumericalTarget.match_bell(response["name"], middle, sigma=width(response))
    return NumericalTarget(response["name"], minimize=response["goal"] == "minimise")


def _objective(responses):
    targets = [_target(r) for r in responses]
    if len(targets) == 1:
        return SingleTargetObjective(targets[0])
    if all(r["goal"] == "target" for r in responses):
        return DesirabilityObjective(targets)
    return ParetoObjective(targets)
