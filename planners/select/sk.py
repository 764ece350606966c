"""What comes from scikit-learn: penalised paths, support vectors, trees.

The one module of this package that imports it, which takes a second: never in the daemon's process.
All functions take and give autoscaled values.
"""

import importlib
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import sklearn
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import enet_path
from sklearn.svm import SVR, OneClassSVM
from sklearn.tree import DecisionTreeRegressor, ExtraTreeRegressor

from planners.factors import Array
from planners.select.distances import squared_distances
from planners.select.folds import Setting
from planners.threads import one_thread

# scikit-learn has no types, and those guessed from defaults are too narrow
_SK: Any = sklearn
_SVR: Any = SVR
_OneClass: Any = OneClassSVM
_Boosting: Any = GradientBoostingRegressor
_TREES: dict[bool, Any] = {False: DecisionTreeRegressor, True: ExtraTreeRegressor}
_path: Any = enet_path
try:  # no public name: without it everything is slower, and the same
    _libsvm: Any = importlib.import_module("sklearn.svm._libsvm")
    _libsvm.set_verbosity_wrap(0)
except (ImportError, AttributeError):  # pragma: no cover  # of a version not there yet
    _libsvm = None

Predict = Callable[[Array], Array]
_EPSILON_SVR = 3  # the solver's number of epsilon-SVR
_STEPS = 5_000  # of the support vector solver; beyond it, the answer is close enough


@contextmanager
def quietly() -> Generator[None]:
    """Run checks of arguments and warnings of solvers off: data are checked, scores tell."""
    with (
        one_thread(),
        warnings.catch_warnings(),
        _SK.config_context(assume_finite=True, skip_parameter_validation=True),
    ):
        warnings.simplefilter("ignore")
        yield


def penalised(x: Array, y: Array, rows: Array, settings: Sequence[Setting]) -> Array:
    """Return predictions ``(settings, m)`` of the elastic net: ``penalty`` and ``share`` of L1."""
    found = np.empty((len(settings), len(rows)))
    for share in sorted({s["share"] for s in settings}):
        own = [i for i, s in enumerate(settings) if s["share"] == share]
        own.sort(key=lambda i: -settings[i]["penalty"])
        penalties = np.array([settings[i]["penalty"] for i in own])
        slopes = _path(x, y, l1_ratio=share, alphas=penalties, max_iter=2000, tol=1e-3)[1]
        found[own] = (rows @ slopes).T
    return found


def support_vectors(x: Array, y: Array, setting: Setting) -> Predict:
    """Return support vector regression with ``C``, ``epsilon`` and, when RBF, ``gamma``."""
    gamma = setting.get("gamma")
    kernel = {"kernel": "linear"} if gamma is None else {"kernel": "rbf", "gamma": gamma}
    options = {"C": setting["C"], "epsilon": setting["epsilon"], "max_iter": _STEPS} | kernel
    vectors, slopes, offset = _solved(x, y, options)
    if gamma is None:
        direction = slopes @ vectors
        return lambda rows: rows @ direction + offset
    return lambda rows: np.exp(-gamma * squared_distances(rows, vectors)) @ slopes + offset


def _solved(x: Array, y: Array, options: Mapping[str, Any]) -> tuple[Array, Array, float]:
    """Return support vectors ``(k, f)``, their coefficients ``(k,)`` and the offset.

    A search solves tens of thousands of problems of a few rows, each in a tenth of the time that
    scikit-learn's own class looks at its arguments: the solver is asked itself where it can be.
    """
    if _libsvm is not None:
        try:
            found = _libsvm.fit(x, y, svm_type=_EPSILON_SVR, **options)
            return found[1], np.asarray(found[3])[0], float(found[4][0])
        except (TypeError, ValueError, IndexError, AttributeError):
            pass  # another version's solver: the class knows how to ask it
    model = _SVR(**options).fit(x, y)
    return model.support_vectors_, model.dual_coef_[0], float(model.intercept_[0])


def one_class(x: Array, gamma: float, outliers: float) -> Predict:
    """Return the decision function of a one-class support vector machine; larger is inside."""
    return _OneClass(gamma=gamma, nu=outliers).fit(x).decision_function


def tree(x: Array, y: Array, setting: Setting, *, seed: int, extra: bool = False) -> Predict:
    """Return one tree with ``leaf`` rows at least per leaf, of ``share`` of the columns a split."""
    model = _TREES[extra](
        min_samples_leaf=setting.get("leaf", 1),
        max_features=setting.get("share", 1.0),
        random_state=seed,
    )
    model.fit(_single(x), y, check_input=False)
    return lambda rows: model.predict(_single(rows), check_input=False)


def _single(x: Array) -> Any:
    """Return rows as trees keep them; they need not look at them again."""
    return np.ascontiguousarray(x, dtype=np.float32)


def boosting_stages(x: Array, y: Array, rows: Array, depth: int, stages: int) -> Array:
    """Return predictions after 1, 2, ... trees of gradient boosting, ``(stages, m)``."""
    model = _Boosting(n_estimators=stages, max_depth=depth, subsample=1.0, random_state=0)
    model.fit(x, y)
    return np.array(list(model.staged_predict(rows)))
