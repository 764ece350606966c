"""The models of a history, asked for what a person wants to see of them.

The models are those of ``bayes``, whatever planner suggests the points. Imports scikit-learn:
import this inside a command, never in the daemon's process.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from planners.base import Observation, Problem
from planners.bayes import Bayes
from planners.bayes.models.space import Space
from planners.bayes.models.surrogate import Model, usable
from planners.bayes.situation import Situation
from planners.factors import Array, Categorical, Composition, Continuous, Discrete, Factor
from planners.report.ticks import labelled
from planners.sampling import feasible_rows
from planners.threads import one_thread

_LEFT_OUT = 80  # runs to compare; of more, so many spread evenly
_BACKGROUND = 64  # rows over which a dependence is averaged
_STEPS = 31  # of a curve

Scale = Literal["linear", "log", "listed"]


@dataclass(frozen=True, slots=True)
class Believed:
    """Values, and the standard uncertainty of each, in a response's own unit; ``(k,)`` each."""

    means: Array
    sds: Array


@dataclass(frozen=True, slots=True)
class Parity:
    """What was measured, and what the model of all other runs expects there."""

    measured: Array
    expected: Believed


@dataclass(frozen=True, slots=True)
class Dependence:
    """How a response depends on one quantity, averaged over all others; names have no numbers.

    ``scale`` is that of its axis: ``linear``, ``log``, or ``listed``, nothing between the values.
    """

    label: str
    values: Sequence[float] | Sequence[str]
    believed: Believed
    scale: Scale = "linear"


@dataclass(frozen=True)
class Study:
    """Fitted models of a history's responses."""

    problem: Problem
    history: Sequence[Observation]
    space: Space
    models: Sequence[Model]

    @classmethod
    def of(cls, problem: Problem, history: Sequence[Observation]) -> "Study | None":
        """Return the study of a history, or None while a response has fewer than two runs."""
        done = [run for run in history if run.status != "pending"]
        known = Situation(Bayes(), problem, done)
        if not problem.responses or not known.enough:
            return None
        with one_thread():
            return cls(problem, done, known.space, known.models())

    def believed(self, model: Model, rows: Array) -> Believed:
        """Return what is expected at rows ``(k, dimension)`` of the unit cube."""
        return _plain(model, *model.process.predict(self.space.features(rows)))

    def parity(self, model: Model) -> Parity:
        """Return measured values, and those expected when each run in turn is left out.

        The hyper-parameters stay those of all runs (Rasmussen and Williams, 2006, 5.4.2). The
        expected uncertainty has the noise of a reading in it.
        """
        process = model.process
        runs = usable(self.history, model.response.name)
        part = np.unique(np.linspace(0, len(runs) - 1, min(len(runs), _LEFT_OUT)).astype(int))
        with one_thread():
            means, sds = process.left_out()
        values = np.array([runs[int(i)].responses[model.response.name].value for i in part])
        return Parity(values, _plain(model, means[part], sds[part]))

    def dependence(self, model: Model) -> list[Dependence]:
        """Return the partial dependence on every factor, of a mixture on each component's part.

        Averages run over the same feasible points everywhere, moved in one factor alone, even where
        that breaks a constraint: averages over ever fewer points would jump.
        """
        rng = np.random.default_rng(0)
        background = feasible_rows(self.problem, _BACKGROUND, rng)[:_BACKGROUND]
        return [
            self._curve(model, background, axis)
            for factor, columns in zip(self.problem.factors, self.problem.slices, strict=True)
            for axis in _axes(factor, columns)
        ]

    def _curve(self, model: Model, background: Array, axis: "_Axis") -> Dependence:
        found = [
            self.believed(model, self.problem.snap(axis.moved(background, float(share))))
            for share in axis.shares
        ]
        means = np.array([believed.means.mean() for believed in found])
        sds = np.array([believed.sds.mean() for believed in found])
        return Dependence(axis.label, axis.values, Believed(means, sds), axis.scale)


@dataclass(frozen=True, slots=True)
class _Axis:
    """One quantity to vary: its places in the unit cube, and what they stand for."""

    label: str
    shares: Array
    values: Sequence[float] | Sequence[str]
    moved: Callable[[Array, float], Array]
    scale: Scale = "linear"


def _axes(factor: Factor, columns: slice) -> list[_Axis]:
    """Return a factor's axis, of a mixture one for each component."""
    even: Array = np.asarray(np.linspace(0.0, 1.0, _STEPS), dtype=float)
    if isinstance(factor, Composition):
        amounts = [float(share) * factor.total for share in even]
        return [_Axis(n, even, amounts, _blend(columns, k)) for k, n in enumerate(factor.terms)]
    if np.isfinite(factor.n_levels):
        count = int(factor.n_levels)
        even = (np.arange(count, dtype=float) + 0.5) / count
    if isinstance(factor, Categorical):
        return [_Axis(factor.name, even, list(factor.levels), _put(columns), "listed")]
    amounts = [float(a) for a in factor.amounts(even[:, None])[:, 0]]
    return [_Axis(labelled(factor), even, amounts, _put(columns), _scale(factor))]


def _scale(factor: Factor) -> Scale:
    if isinstance(factor, Discrete):
        return "listed"
    return "log" if isinstance(factor, Continuous) and factor.transform == "log" else "linear"


def _put(columns: slice) -> Callable[[Array, float], Array]:
    def setter(rows: Array, share: float) -> Array:
        moved = rows.copy()
        moved[:, columns] = share
        return moved

    return setter


def _blend(columns: slice, part: int) -> Callable[[Array, float], Array]:
    """Return what gives a component its part and leaves the others in their proportions."""

    def setter(rows: Array, share: float) -> Array:
        moved = rows.copy()
        own = moved[:, columns]
        others = np.delete(np.arange(own.shape[1]), part)
        rest = own[:, others].sum(axis=1, keepdims=True)
        even = np.full((len(own), len(others)), 1.0 / len(others))
        fractions = np.where(rest > 1e-9, own[:, others] / np.maximum(rest, 1e-9), even)
        own[:, others] = fractions * (1.0 - share)
        own[:, part] = share
        return moved

    return setter


def _plain(model: Model, means: Array, sds: Array) -> Believed:
    """Return the model's outputs in the response's own unit."""
    back = [model.scale.back(float(m), float(s)) for m, s in zip(means, sds, strict=True)]
    return Believed(np.array([p.mean for p in back]), np.array([p.sd for p in back]))
