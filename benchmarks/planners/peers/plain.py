"""A peer in plain Python, without any library: uniform picks, local ones around the best later.

It shows the protocol, and tests drive it where no other environment exists.
"""

import random

from space import CannotExpressError, Space


def versions():
    return {}


class Peer:
    how = "uniform picks; from the tenth run on every other one near the best run"

    def __init__(self, problem, seed, may_fail):
        self.space = Space(problem)
        if self.space.linear or self.space.sums:
            raise CannotExpressError("constraints and compositions")
        self.response = problem["responses"][0]
        self.random = random.Random(f"{seed} {may_fail}")
        self.told = []

    def ask(self, count):
        return [self.space.point(self._pick()) for _ in range(count)]

    def _pick(self):
        near = None
        if len(self.told) >= 10 and len(self.told) % 2:
            near = self.space.values(max(self.told, key=lambda run: run[1])[0])
        return {v.name: self._value(v, near and near[v.name]) for v in self.space.variables}

    def _value(self, variable, near):
        if variable.kind != "real":
            return near or self.random.choice(variable.values)
        if near is None:
            return self.random.uniform(variable.low, variable.high)
        moved = near + self.random.gauss(0, 0.1) * (variable.high - variable.low)
        return min(max(moved, variable.low), variable.high)

    def tell(self, point, status, responses):
        if status != "ok":
            return
        sign = -1 if self.response["goal"] == "minimise" else 1
        self.told.append((point, sign * responses[self.response["name"]]))
