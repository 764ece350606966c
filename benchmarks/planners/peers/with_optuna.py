"""Optuna's GPSampler with its defaults (10 random trials first).

Targets and failures are constraints of the trial (``Trial.set_constraint``). Optuna has no known
constraints: a composition is sampled by parts of what is left (always feasible), and a trial that
breaks a linear constraint is told as infeasible with the mean value so far, without an experiment;
after 20 such trials in a row the point is moved towards the last feasible one.
"""

import optuna
import torch
from space import Space, violation

optuna.logging.set_verbosity(optuna.logging.ERROR)
torch.set_num_threads(1)
TRIES = 20


def versions():
    return {"optuna": optuna.__version__, "torch": torch.__version__}


class Peer:
    how = (
        "GPSampler(seed); log factors as log=True; discrete ones as the number of the value;"
        " targets and failures by Trial.set_constraint; mixtures by parts of what is left"
    )

    def __init__(self, problem, seed, may_fail):
        self.space, self.may_fail = Space(problem), may_fail
        self.responses = problem["responses"]
        self.goals = [r for r in self.responses if r["goal"] != "target"]
        self.targets = [r for r in self.responses if r["goal"] == "target"]
        directions = [r["goal"] for r in self.goals] or ["maximise"]
        self.study = optuna.create_study(
            directions=[d.replace("ise", "ize") for d in directions],
            sampler=optuna.samplers.GPSampler(seed=seed),
        )
        self.trials, self.feasible = {}, None

    def ask(self, count):
        return [self._one() for _ in range(count)]

    def _one(self):
        for _ in range(TRIES):
            trial = self.study.ask()
            values = self._suggest(trial)
            if not any(c.broken_by(values) > 0 for c in self.space.linear):
                break
            self._refuse(trial, values)
        else:
            values, trial = self._between(values), None
        point = self.space.point(values)
        self.trials[repr(point)] = trial
        self.feasible = values
        return point

    def _suggest(self, trial):
        values = {}
        summed = {name for names, _ in self.space.sums for name in names}
        for v in self.space.variables:
            if v.name in summed:
                continue
            if v.kind == "real":
                values[v.name] = trial.suggest_float(v.name, v.low, v.high, log=v.log)
            elif v.kind == "ordinal":
                values[v.name] = v.values[trial.suggest_int(v.name, 0, len(v.values) - 1)]
            else:
                values[v.name] = trial.suggest_categorical(v.name, v.values)
        for names, total in self.space.sums:
            values |= self._parts(trial, names, total)
        return values

    def _parts(self, trial, names, total):
        """Return amounts by parts of what is left; uniform parts fill the simplex evenly."""
        left, amounts = total, {}
        for i, name in enumerate(names[:-1]):
            own, rest = self.space.by_name[name], [self.space.by_name[n] for n in names[i + 1 :]]
            low = max(own.low, left - sum(v.high for v in rest))
            high = min(own.high, left - sum(v.low for v in rest))
            share = 1 - (1 - trial.suggest_float(f"part {name}", 0, 1)) ** (1 / len(rest))
            amounts[name] = low + share * (high - low)
            left -= amounts[name]
        return amounts | {names[-1]: left}

    def _refuse(self, trial, values):
        """Tell the sampler that a trial breaks what is known, at no experiment."""
        for i, constraint in enumerate(self.space.linear):
            trial.set_constraint(f"known {i}", constraint.broken_by(values) or -1e-3)
        self._inform(trial, {}, failed=False)
        done = [t.values for t in self.study.trials if t.values]
        means = [sum(column) / len(column) for column in zip(*done, strict=True)]
        self.study.tell(trial, means or [0.0] * len(self.study.directions))

    def _between(self, values):
        """Return the nearest point on the way to the last feasible one that keeps everything."""
        for part in range(1, 101):
            mixed = {
                v.name: values[v.name] + part / 100 * (self.feasible[v.name] - values[v.name])
                if v.kind == "real"
                else self.feasible[v.name]
                for v in self.space.variables
            }
            if not any(c.broken_by(mixed) > 0 for c in self.space.linear):
                return mixed
        return self.feasible

    def tell(self, point, status, responses):
        trial = self.trials.pop(repr(point), None)
        if trial is None:
            self._attach(point, responses)
            return
        for i in range(len(self.space.linear)):
            trial.set_constraint(f"known {i}", -1e-3)
        self._inform(trial, responses, failed=status != "ok")
        self.study.tell(trial, self._values(responses))

    def _inform(self, trial, responses, *, failed):
        for r in self.targets:
            value = responses.get(r["name"])
            trial.set_constraint(r["name"], 1.0 if value is None else violation(r, value))
        if self.may_fail:
            trial.set_constraint("failed", 1.0 if failed else -1.0)

    def _values(self, responses):
        if not responses:
            done = [t.values for t in self.study.trials if t.values]
            if not done:
                return [0.0] * len(self.study.directions)
            pairs = zip(zip(*done, strict=True), self.study.directions, strict=True)
            return [(min if d.name == "MAXIMIZE" else max)(column) for column, d in pairs]
        if not self.goals:
            return [-max(violation(r, responses[r["name"]]) for r in self.targets)]
        return [responses[r["name"]] for r in self.goals]

    def _attach(self, point, responses):
        """Add a run that was not asked for (timing only: plain continuous problems)."""
        values = self.space.values(point)
        distributions = {
            v.name: optuna.distributions.FloatDistribution(v.low, v.high, log=v.log)
            for v in self.space.variables
        }
        self.study.add_trial(
            optuna.trial.create_trial(
                params=values, distributions=distributions, values=self._values(responses)
            )
        )
