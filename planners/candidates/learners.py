"""What a response is expected to be at candidates: a Gaussian process, or the selected model.

The one module of this package that imports scikit-learn, which takes a second: only in the
planner's process. Columns and response are autoscaled by the runs' own means and standard
deviations; the kernel is a constant times one Gaussian with a single length, plus white noise, by
maximum likelihood from lengths and variances of 1.
"""

import warnings
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

from planners.factors import Array
from planners.scaling import Scale
from planners.select.run import Options
from planners.select.surrogate import ENOUGH, Surrogate, learn

LEAST = 3  # runs without which a Gaussian process means nothing
_MANY = 150  # runs beyond which believed ones do not change the kernel: cost grows as n cubed
_JITTER = 1e-10  # of the response's variance

# scikit-learn has no types, and those guessed from defaults are too narrow
_Regressor: Any = GaussianProcessRegressor


@dataclass(frozen=True, slots=True)
class Data:
    """Rows ``x`` ``(n, f)``, values ``y`` and known variances ``(n,)`` of one response."""

    x: Array
    y: Array
    variances: Array

    def and_(self, x: Array, y: Array) -> "Data":
        """Return these runs and more."""
        return Data(
            np.vstack([self.x, x]),
            np.concatenate([self.y, y]),
            np.concatenate([self.variances, np.zeros(len(y))]),
        )


class Learner(Protocol):
    """A model of one response."""

    def predict(self, rows: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation at rows ``(m, f)``, ``(m,)`` each."""
        ...

    def inside(self, rows: Array) -> NDArray[np.bool_]:
        """Return at which rows ``(m, f)`` it may be believed, ``(m,)``."""
        ...

    def believing(self, rows: Array) -> "Learner":
        """Return the model as if rows ``(k, f)`` had come out as expected (Kriging believer)."""
        ...

    def gained(self, first: int) -> float:
        """Return the sum of the variances of the runs from number ``first`` on, each before it."""
        ...


class Process:
    """A Gaussian process; the sd holds the noise too, as a further run would have it."""

    def __init__(self, data: Data, kernel: Any = None) -> None:
        self._data = data
        self._of_x, self._of_y = Scale.of(data.x), Scale.of(data.y)
        start = kernel or ConstantKernel() * RBF() + WhiteKernel()
        alpha = _JITTER + data.variances / self._of_y.sd**2
        search = {} if kernel is None else {"optimizer": None}
        self._process = _Regressor(start, alpha=alpha, **search)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a length at its bound: then there is no slope
            self._process.fit(self._of_x.apply(data.x), self._of_y.apply(data.y))

    def predict(self, rows: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of variances below 0 by rounding: they are 0
            mean, sd = self._process.predict(self._of_x.apply(rows), return_std=True)
        return self._of_y.undo(mean), np.asarray(sd) * self._of_y.sd

    def inside(self, rows: Array) -> NDArray[np.bool_]:
        """Return every row: how far it is known is in its sd."""
        return np.ones(len(rows), dtype=bool)

    def believing(self, rows: Array) -> "Process":
        """Return the process of the runs and their expected values, fitted again."""
        data = self._data.and_(rows, self.predict(rows)[0])
        return Process(data, None if len(data.y) <= _MANY else self._process.kernel_)

    def gained(self, first: int) -> float:
        """Return the squares of the root's diagonal: variances given the runs before."""
        return float(np.square(np.diag(self._process.L_))[first:].sum() * self._of_y.sd**2)


@dataclass(frozen=True)
class Selected:
    """The model that predicts rows left out best; where it knows nothing it is not asked."""

    data: Data
    found: Surrogate

    @classmethod
    def of(cls, data: Data) -> "Selected":
        """Return the best of the quick kinds."""
        return cls(data, learn(data.x, data.y, options=Options(quick=True, permutations=1)))

    def predict(self, rows: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation."""
        return self.found.predict(rows)

    def inside(self, rows: Array) -> NDArray[np.bool_]:
        """Return the rows within the applicability domain."""
        return self.found.inside(rows)

    def believing(self, rows: Array) -> "Selected":
        """Return the same kind of model of the runs and their expected values."""
        mean = self.predict(rows)[0]
        return Selected(self.data.and_(rows, mean), self.found.knowing(rows, mean))

    def gained(self, first: int) -> float:
        """Return the variances of the runs from ``first`` on, as the model has them now."""
        later = self.data.x[first:]
        return float(np.square(self.predict(later)[1]).sum()) if len(later) else 0.0


def enough(kind: str, data: Data) -> bool:
    """Return whether there are runs enough for a model of that kind."""
    if kind == "select":
        return len(np.unique(data.x, axis=0)) >= ENOUGH and float(np.ptp(data.y)) > 0
    return len(data.y) >= LEAST


def learned(kind: str, data: Data) -> Learner:
    """Return a model of that kind."""
    return Selected.of(data) if kind == "select" else Process(data)
