"""The kinds of models compared: how each finds its hyper-parameters, and what it then predicts.

Every kind works on autoscaled columns and response, and scales each training set by itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from planners.factors import Array
from planners.scaling import Scale
from planners.select import fast_svr, forest, linear, process, sk
from planners.select.folds import Paths, Rows, Setting, errors

_FEW_COLUMNS = 6  # for a length-scale of each
_MANY_ROWS = 60  # beyond which only a few kernels are tried: cost grows as n cubed


class Kind(Protocol):
    """One kind of model."""

    @property
    def name(self) -> str:
        """Return its name."""
        ...

    def tune(self, x: Array, y: Array, inner: Sequence[Rows]) -> Setting:
        """Return hyper-parameters chosen on ``x`` ``(n, f)``, ``y`` ``(n,)`` and their folds."""
        ...

    @property
    def paths(self) -> Paths:
        """Return what gives scaled predictions ``(settings, m)`` of scaled data."""
        ...


def predict(kind: Kind, x: Array, y: Array, rows: Array, setting: Setting) -> Array:
    """Return what a model of ``x`` ``(n, f)``, ``y`` ``(n,)`` says of ``rows`` ``(m, f)``."""
    of_x, of_y = Scale.of(x), Scale.of(y)
    scaled = kind.paths(of_x.apply(x), of_y.apply(y), of_x.apply(rows), [setting])
    return of_y.undo(scaled[0])


@dataclass(frozen=True)
class Grid:
    """All settings of a grid are judged on the inner folds; the best one is taken."""

    name: str
    paths: Paths
    grid: Callable[[Array], Sequence[Setting]]

    def tune(self, x: Array, y: Array, inner: Sequence[Rows]) -> Setting:
        """Return the setting of least error."""
        settings = self.grid(x)
        if len(settings) == 1:
            return settings[0]
        return settings[int(np.argmin(errors(self.paths, x, y, inner, settings)))]


@dataclass(frozen=True)
class SupportVectors:
    """Support vector regression with the fast search; ``rbf`` or linear."""

    name: str
    rbf: bool

    def tune(self, x: Array, y: Array, inner: Sequence[Rows]) -> Setting:
        """Return C, epsilon and gamma found one by one."""
        gamma = fast_svr.widest_gamma(Scale.of(x).apply(x)) if self.rbf else None
        return fast_svr.search(lambda s: errors(self.paths, x, y, inner, s), gamma)

    def paths(self, x: Array, y: Array, rows: Array, settings: Sequence[Setting]) -> Array:
        """Return scaled predictions."""
        return np.array([sk.support_vectors(x, y, s)(rows) for s in settings])


@dataclass(frozen=True)
class Trees:
    """A forest, whose share of columns per split is judged by the rows each tree has not seen."""

    name: str
    extra: bool
    trees: int

    def tune(self, x: Array, y: Array, inner: Sequence[Rows]) -> Setting:  # noqa: ARG002
        """Return the setting of least out-of-bag error."""
        x, y = Scale.of(x).apply(x), Scale.of(y).apply(y)
        settings = [{"share": share} for share in (0.4, 1.0)]
        grown = [forest.grow(x, y, s, self.trees, extra=self.extra) for s in settings]
        return settings[int(np.argmin([forest.out_of_bag(f, x, y) for f in grown]))]

    def paths(self, x: Array, y: Array, rows: Array, settings: Sequence[Setting]) -> Array:
        """Return scaled predictions."""
        grown = [forest.grow(x, y, s, self.trees, extra=self.extra) for s in settings]
        return np.array([f.all(rows).mean(axis=0) for f in grown])


@dataclass(frozen=True)
class Boosting:
    """Gradient boosting; number and depth of trees by five inner folds, as it is slow."""

    name: str
    stages: int = 60
    parts: int = 5

    def tune(self, x: Array, y: Array, inner: Sequence[Rows]) -> Setting:
        """Return number and depth of least error."""
        settings = [
            {"trees": trees, "depth": depth}
            for depth in (1, 3)
            for trees in range(10, self.stages + 1, 10)
        ]
        parts = [np.concatenate(inner[i :: self.parts]) for i in range(min(self.parts, len(inner)))]
        return settings[int(np.argmin(errors(self.paths, x, y, parts, settings)))]

    def paths(self, x: Array, y: Array, rows: Array, settings: Sequence[Setting]) -> Array:
        """Return scaled predictions."""
        most = {s["depth"]: 0 for s in settings}
        for s in settings:
            most[s["depth"]] = max(most[s["depth"]], s["trees"])
        grown = {d: sk.boosting_stages(x, y, rows, d, stages) for d, stages in most.items()}
        return np.array([grown[s["depth"]][s["trees"] - 1] for s in settings])


@dataclass(frozen=True)
class Process:
    """A Gaussian process, whose kernel is judged by leaving out each row in closed form."""

    name: str
    kernels: Sequence[str] = process.KERNELS

    def tune(self, x: Array, y: Array, inner: Sequence[Rows]) -> Setting:  # noqa: ARG002
        """Return the kernel of least leave-one-out error."""
        x, y = Scale.of(x).apply(x), Scale.of(y).apply(y)
        tried = [k for k in self.kernels if self._fits(k, x)]
        if len(tried) == 1:
            return {"kernel": tried[0]}
        found = [float(np.square(process.fit(x, y, kernel).left_out()).mean()) for kernel in tried]
        return {"kernel": tried[int(np.argmin(found))]}

    def _fits(self, kernel: str, x: Array) -> bool:
        if "length each" in kernel:
            return x.shape[1] <= min(_FEW_COLUMNS, len(x) // 3)
        return len(x) <= _MANY_ROWS or kernel in ("linear", "RBF", "Matern 5/2")

    def paths(self, x: Array, y: Array, rows: Array, settings: Sequence[Setting]) -> Array:
        """Return scaled predictions."""
        return np.array([process.fit(x, y, s["kernel"]).predict(rows) for s in settings])


def _components(x: Array) -> Sequence[Setting]:
    most = max(1, min(10, x.shape[1], len(x) - 3))
    return [{"components": number} for number in range(1, most + 1)]


def _penalties(low: float, high: float, number: int) -> list[float]:
    return [float(p) for p in np.logspace(low, high, number)]


def _tree_paths(x: Array, y: Array, rows: Array, settings: Sequence[Setting]) -> Array:
    return np.array([sk.tree(x, y, s, seed=0)(rows) for s in settings])


OLS = Grid("OLS", linear.least_squares, lambda _: [{}])
PLS = Grid("PLS", linear.partial_least_squares, _components)
RIDGE = Grid("ridge", linear.ridge, lambda _: [{"penalty": p} for p in _penalties(-6, 3, 28)])
LASSO = Grid(
    "lasso", sk.penalised, lambda _: [{"penalty": p, "share": 1.0} for p in _penalties(-3, 0, 16)]
)
ELASTIC_NET = Grid(
    "elastic net",
    sk.penalised,
    lambda _: [{"penalty": p, "share": s} for s in (0.2, 0.5, 0.8) for p in _penalties(-3, 0, 11)],
)
LINEAR_SVR = SupportVectors("linear SVR", rbf=False)
SVR = SupportVectors("SVR", rbf=True)
TREE = Grid("decision tree", _tree_paths, lambda _: [{"leaf": leaf} for leaf in (1, 2, 3, 5)])
FOREST = Trees("random forest", extra=False, trees=60)
EXTRA_TREES = Trees("extra trees", extra=True, trees=60)
BOOSTING = Boosting("gradient boosting")
GPR = Process("GPR")

ALL: tuple[Kind, ...] = (
    OLS,
    PLS,
    RIDGE,
    LASSO,
    ELASTIC_NET,
    LINEAR_SVR,
    SVR,
    TREE,
    FOREST,
    EXTRA_TREES,
    BOOSTING,
    GPR,
)
QUICK: tuple[Kind, ...] = (
    OLS,
    PLS,
    RIDGE,
    SVR,
    Process("GPR", ("linear", "RBF", "Matern 5/2", "RBF + linear")),
)
