"""Ax's Client with its default generation strategy (centre, then Sobol, then Botorch).

Ax has no equality constraints: of a mixture the last component is left out and follows from the
sum, as its documentation advises. Several objectives and target ranges are said in its own
strings; where there are targets only, the objective is the worst distance outside of them, and each
range is an outcome constraint. A failed run reports a metric ``works`` of 0 that an outcome
constraint wants at 0.5 or more, and no value.
"""

import logging

import ax
import torch
from ax.api.client import Client
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig
from space import Space, violation

logging.disable(logging.CRITICAL)
torch.set_num_threads(1)


def versions():
    return {"ax-platform": ax.__version__, "torch": torch.__version__}


class Peer:
    how = (
        "Client with its default strategy; last component of a mixture from the sum; target ranges"
        " and failures as outcome constraints"
    )

    def __init__(self, problem, seed, may_fail):
        self.space, self.may_fail = Space(problem), may_fail
        self.responses = problem["responses"]
        self.goals = [r for r in self.responses if r["goal"] != "target"]
        self.targets = [r for r in self.responses if r["goal"] == "target"]
        self.derived = {names[-1]: (names[:-1], total) for names, total in self.space.sums}
        self.short = {v.name: f"x{i}" for i, v in enumerate(self.space.variables)}
        self.metrics = {r["name"]: f"y{i}" for i, r in enumerate(self.responses)}
        self.client = Client(random_seed=seed)
        self.client.configure_experiment(
            [self._parameter(v) for v in self.space.variables if v.name not in self.derived],
            list(self._constraints()),
        )
        self.client.configure_optimization(self._objective(), list(self._outcomes()) or None)
        self.waiting = []

    def _parameter(self, v):
        name = self.short[v.name]
        if v.kind == "name":
            return ChoiceParameterConfig(name, v.values, "str", is_ordered=False)
        if v.kind == "ordinal":
            return ChoiceParameterConfig(name, v.values, "float", is_ordered=True)
        scaling = "log" if v.log else "linear"
        return RangeParameterConfig(name, (v.low, v.high), "float", scaling=scaling)

    def _constraints(self):
        for last, (names, total) in self.derived.items():
            rest = " + ".join(self.short[n] for n in names)
            variable = self.space.by_name[last]
            yield f"{rest} <= {total - variable.low!r}"
            if variable.high < total:
                yield f"{rest} >= {total - variable.high!r}"
        for c in self.space.linear:
            text = " + ".join(f"{k!r}*{self.short[n]}" for n, k in c.terms.items())
            if c.high < float("inf"):
                yield f"{text} <= {c.high!r}"
            if c.low > float("-inf"):
                yield f"{text} >= {c.low!r}"

    def _objective(self):
        signs = {"maximise": "", "minimise": "-"}
        parts = [f"{signs[r['goal']]}{self.metrics[r['name']]}" for r in self.goals]
        return ", ".join(parts) or "-worst"

    def _outcomes(self):
        for r in self.targets:
            yield f"{self.metrics[r['name']]} >= {r['low']!r}"
            yield f"{self.metrics[r['name']]} <= {r['high']!r}"
        if self.may_fail:
            yield "works >= 0.5"

    def ask(self, count):
        points = []
        for index, parameters in self.client.get_next_trials(max_trials=count).items():
            values = {n: parameters[s] for n, s in self.short.items() if s in parameters}
            for last, (names, total) in self.derived.items():
                values[last] = total - sum(values[n] for n in names)
            points.append(self.space.point(values))
            self.waiting.append((index, points[-1]))
        return points

    def tell(self, point, status, responses):
        entry = next((e for e in self.waiting if e[1] == point), None)
        if entry is None:
            values = self.space.values(point)
            own = {s: values[n] for n, s in self.short.items() if n not in self.derived}
            index = self.client.attach_trial(own)
        else:
            self.waiting.remove(entry)
            index = entry[0]
        data = {self.metrics[name]: value for name, value in responses.items()}
        if not self.goals and responses:
            data["worst"] = max(violation(r, responses[r["name"]]) for r in self.targets)
        if self.may_fail:
            data["works"] = float(status == "ok")
        if data:
            self.client.complete_trial(index, data)
        else:
            self.client.mark_trial_abandoned(index)
