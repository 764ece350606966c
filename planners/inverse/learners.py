"""What comes from scikit-learn: fitted mixtures, and the models that check a design forwards.

The one module of ``inverse`` that imports scikit-learn, which takes a second: only in the planner's
process. Gaussian mixtures and tree ensembles are its own; a forward check must not share the
mixture's assumptions.
"""

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

from planners.factors import Array
from planners.inverse.mixture import Mixture
from planners.select.run import Options
from planners.select.surrogate import ENOUGH, learn

Covariance = Literal["full", "tied", "diag", "spherical"]
ForwardKind = Literal["gp", "trees", "select"]
CHECKERS = {"gp": "a Gaussian process", "trees": "extra trees", "select": "the selected model"}

# scikit-learn has no types, and those guessed from defaults are too narrow
_Regressor: Any = GaussianProcessRegressor
_FLOOR = 1e-3  # of an autoscaled column's variance: with few rows parts collapse otherwise
_TREES = 100


def fit_gaussians(rows: Array, k: int, covariance: Covariance) -> tuple[Mixture, float]:
    """Return a mixture of ``k`` parts for autoscaled rows ``(n, d)``, and its BIC."""
    fitted = _fitted(
        GaussianMixture(
            k, covariance_type=covariance, reg_covar=_FLOOR, n_init=2, max_iter=200, random_state=0
        ),
        rows,
    )
    return _mixture(fitted, covariance, rows.shape[1]), float(fitted.bic(rows))


def fit_variational(rows: Array, k: int, covariance: Covariance) -> Mixture:
    """Return the variational mixture: of at most ``k`` parts it keeps those the rows need."""
    fitted = _fitted(
        BayesianGaussianMixture(
            n_components=k,
            covariance_type=covariance,
            reg_covar=_FLOOR,
            max_iter=500,
            random_state=0,
        ),
        rows,
    )
    return _mixture(fitted, covariance, rows.shape[1])


def _fitted(model: Any, rows: Array) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the best so far is good enough
        return model.fit(rows)


def _mixture(model: Any, covariance: Covariance, width: int) -> Mixture:
    given = np.asarray(model.covariances_, dtype=float)
    k = len(model.weights_)
    if covariance == "tied":
        whole = np.tile(given, (k, 1, 1))
    elif covariance == "diag":
        whole = np.array([np.diag(row) for row in given])
    elif covariance == "spherical":
        whole = given[:, None, None] * np.eye(width)
    else:
        whole = given
    return Mixture(np.asarray(model.weights_), np.asarray(model.means_), whole)


@dataclass(frozen=True, slots=True)
class Forward:
    """Another model of each response, of autoscaled columns: what a design gives, and how sure."""

    kind: ForwardKind
    models: tuple[Any, ...]

    def predict(self, rows: Array) -> tuple[Array, Array]:
        """Return means and standard deviations at rows ``(m, f)``, each ``(m, n_responses)``."""
        found = [_predicted(self.kind, model, rows) for model in self.models]
        return np.column_stack([m for m, _ in found]), np.column_stack([s for _, s in found])


def fit_forward(kind: ForwardKind, x: Array, y: Array) -> Forward:
    """Return the models of autoscaled ``y`` ``(n, n_responses)`` from ``x`` ``(n, f)``."""
    if kind == "select":
        quick = Options(quick=True, permutations=1)
        return Forward(kind, tuple(learn(x, column, options=quick) for column in y.T))
    return Forward(kind, tuple(_learner(kind).fit(x, column) for column in y.T))


def selectable(x: Array, y: Array) -> bool:
    """Return whether runs ``(n, f)`` and results ``(n, n_responses)`` let models be compared."""
    return len(np.unique(x, axis=0)) >= ENOUGH and bool((np.ptp(y, axis=0) > 0).all())


def _learner(kind: ForwardKind) -> Any:
    if kind == "trees":
        return ExtraTreesRegressor(_TREES, random_state=0)
    kernel = ConstantKernel(1.0, (1e-2, 1e2)) * RBF(2.0, (0.3, 30.0))
    return _Quiet(kernel + WhiteKernel(1e-2, (1e-6, 1.0)))


class _Quiet:
    """A Gaussian process that does not mind ending at a bound."""

    def __init__(self, kernel: Any) -> None:
        self._process = _Regressor(kernel, alpha=1e-8)

    def fit(self, x: Array, y: Array) -> "_Quiet":
        _fitted_process(self._process, x, y)
        return self

    def predict(self, x: Array) -> tuple[Array, Array]:
        mean, sd = self._process.predict(x, return_std=True)
        return np.asarray(mean), np.asarray(sd)


def _fitted_process(process: Any, x: Array, y: Array) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        process.fit(x, y)


def _predicted(kind: ForwardKind, model: Any, rows: Array) -> tuple[Array, Array]:
    if kind != "trees":
        return model.predict(rows)
    each = np.array([tree.predict(rows) for tree in model.estimators_])
    return each.mean(axis=0), each.std(axis=0)
