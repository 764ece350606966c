"""BoFire's Sobo and Mobo strategies with their defaults, after random points.

One objective: SoboStrategy; several: MoboStrategy; target ranges alone: SoboStrategy with the
probability of feasibility (qLogPF) over TargetObjectives, which are constraints beside other
objectives too. Sums and limits are its linear constraints. A failed run reports an output ``works``
of 0 (a constrained sigmoid objective), and its value as invalid. BoFire prescribes no number of
first points: twice the number of inputs are drawn by its RandomStrategy.
"""

import bofire.strategies.api as strategies
import pandas as pd
import torch
from bofire.data_models.acquisition_functions.api import qLogPF
from bofire.data_models.constraints.api import (
    LinearEqualityConstraint,
    LinearInequalityConstraint,
)
from bofire.data_models.domain.api import Constraints, Domain, Inputs, Outputs
from bofire.data_models.features.api import (
    CategoricalInput,
    ContinuousInput,
    ContinuousOutput,
    DiscreteInput,
)
from bofire.data_models.objectives.api import (
    MaximizeObjective,
    MaximizeSigmoidObjective,
    MinimizeObjective,
    TargetObjective,
)
from bofire.data_models.strategies.api import MoboStrategy, RandomStrategy, SoboStrategy
from space import Space, width

torch.set_num_threads(1)


def versions():
    from importlib.metadata import version

    return {"bofire": version("bofire"), "torch": torch.__version__}


class Peer:
    how = (
        "RandomStrategy for twice the number of inputs, then SoboStrategy or MoboStrategy; targets"
        " by TargetObjective (alone: qLogPF); failures by a constrained output"
    )

    def __init__(self, problem, seed, may_fail):
        self.space, self.may_fail = Space(problem, logs=True), may_fail
        self.responses = problem["responses"]
        domain = Domain(
            inputs=Inputs(features=[_input(v) for v in self.space.variables]),
            outputs=Outputs(features=list(self._outputs())),
            constraints=Constraints(constraints=list(self._constraints())),
        )
        self.first = 2 * len(self.space.variables)
        self.random = strategies.map(RandomStrategy(domain=domain, seed=seed))
        self.model = strategies.map(self._strategy(domain, seed))
        self.runs, self.waiting = [], []

    def _outputs(self):
        for r in self.responses:
            yield ContinuousOutput(key=r["name"], objective=_objective(r))
        if self.may_fail:
            yield ContinuousOutput(
                key="works", objective=MaximizeSigmoidObjective(tp=0.5, steepness=20.0)
            )

    def _constraints(self):
        for names, total in self.space.sums:
            yield LinearEqualityConstraint(
                features=names, coefficients=[1.0] * len(names), rhs=total
            )
        for c in self.space.linear:
            names = list(c.terms)
            for sign, bound in ((1.0, c.high), (-1.0, -c.low)):
                if bound < float("inf"):
                    yield LinearInequalityConstraint(
                        features=names,
                        coefficients=[sign * k for k in c.terms.values()],
                        rhs=bound,
                    )

    def _strategy(self, domain, seed):
        goals = [r for r in self.responses if r["goal"] != "target"]
        if len(goals) > 1:
            return MoboStrategy(domain=domain, seed=seed)
        if goals:
            return SoboStrategy(domain=domain, seed=seed)
        return SoboStrategy(domain=domain, seed=seed, acquisition_function=qLogPF())

    def ask(self, count):
        if len(self.runs) < self.first:
            found = self.random.ask(count)
        else:
            self.model.tell(pd.DataFrame(self.runs), replace=True)
            if self.waiting:
                self.model.set_candidates(pd.DataFrame(self.waiting))
            found = self.model.ask(count)
        names = [v.name for v in self.space.variables]
        rows = [{n: row[n] for n in names} for _, row in found.iterrows()]
        self.waiting += rows
        return [self.space.point(row) for row in rows]

    def tell(self, point, status, responses):
        row = next((r for r in self.waiting if self.space.point(r) == point), None)
        if row is None:
            row = self.space.values(point)
        else:
            self.waiting.remove(row)
        run = dict(row)
        for r in self.responses:
            run[r["name"]] = responses.get(r["name"], float("nan"))
            run[f"valid_{r['name']}"] = int(r["name"] in responses)
        if self.may_fail:
            run |= {"works": float(status == "ok"), "valid_works": 1}
        self.runs.append(run)


def _input(v):
    if v.kind == "name":
        return CategoricalInput(key=v.name, categories=v.values)
    if v.kind == "ordinal":
        return DiscreteInput(key=v.name, values=v.values)
    return ContinuousInput(key=v.name, bounds=(v.low, v.high))


def _objective(response):
    if response["goal"] == "target":
        half = width(response) / 2
        return TargetObjective(
            target_value=response["low"] + half, tolerance=half, steepness=20.0 / width(response)
        )
    if response["goal"] == "minimise":
        return MinimizeObjective()
    return MaximizeObjective()
