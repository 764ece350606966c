"""What comes from scikit-learn: penalised paths, support vectors, trees, Gaussian processes.

The one module of this package that imports it, which takes a second: never in the daemon's process.
All functions take and give autoscaled values.
"""

import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import sklearn
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process import kernels as gp
from sklearn.linear_model import enet_path
from sklearn.svm import SVR, OneClassSVM
from sklearn.tree import DecisionTreeRegressor, ExtraTreeRegressor
from threadpoolctl import threadpool_limits

from planners.factors import Array
from planners.select.folds import Setting

# scikit-learn has no types, and those guessed from defaults are too narrow
_SK: Any = sklearn
_GP: Any = gp
_SVR: Any = SVR
_OneClass: Any = OneClassSVM
_Process: Any = GaussianProcessRegressor
_Boosting: Any = GradientBoostingRegressor
_TREES: dict[bool, Any] = {False: DecisionTreeRegressor, True: ExtraTreeRegressor}
_path: Any = enet_path

Predict = Callable[[Array], Array]
_KNOWN_NOISE = (1e-8, 1e-5, 1e-2)  # variances, tried one after the other
_DECIDING = 240  # rows that decide on a kernel at most: cost grows as n cubed
_STEPS = 5_000  # of the support vector solver; beyond it, the answer is close enough


@contextmanager
def quietly() -> Generator[None]:
    """Run checks of arguments and warnings of solvers off: data are checked, scores tell."""
    with (
        threadpool_limits(1),  # matrices are small, and the daemon needs the other cores
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
    kernel = {"kernel": "rbf", "gamma": setting["gamma"]} if "gamma" in setting else {}
    model = _SVR(
        C=setting["C"],
        epsilon=setting["epsilon"],
        max_iter=_STEPS,
        **({"kernel": "linear"} | kernel),
    )
    return model.fit(x, y).predict


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
    return model.fit(x, y).predict


def boosting_stages(x: Array, y: Array, rows: Array, depth: int, stages: int) -> Array:
    """Return predictions after 1, 2, ... trees of gradient boosting, ``(stages, m)``."""
    model = _Boosting(n_estimators=stages, max_depth=depth, subsample=1.0, random_state=0)
    model.fit(x, y)
    return np.array(list(model.staged_predict(rows)))


def _kernels(width: int) -> Mapping[str, Callable[[], Any]]:
    """Return kernels by name; ``width`` columns."""
    any_ = (1e-5, 1e5)

    def of(shape: Any) -> Any:
        return _GP.ConstantKernel(1.0, any_) * shape

    shapes: dict[str, Callable[[], Any]] = {
        "RBF": lambda: _GP.RBF(1.0, any_),
        "Matern 1/2": lambda: _GP.Matern(1.0, any_, nu=0.5),
        "Matern 3/2": lambda: _GP.Matern(1.0, any_, nu=1.5),
        "Matern 5/2": lambda: _GP.Matern(1.0, any_, nu=2.5),
        "RBF, a length each": lambda: _GP.RBF(np.ones(width), any_),
    }
    made: dict[str, Callable[[], Any]] = {"linear": lambda: of(_GP.DotProduct(1.0, any_))}
    for name, shape in shapes.items():
        made[name] = lambda shape=shape: of(shape())
        made[f"{name} + linear"] = lambda shape=shape: of(shape()) + of(_GP.DotProduct(1.0, any_))
    return made


KERNELS = tuple(_kernels(1))


def process(x: Array, y: Array, kernel: str) -> Any:
    """Return a Gaussian process with white noise, fitted by maximum likelihood.

    Of many rows, evenly chosen ones decide on the kernel, and all on the predictions. Where rows
    are so alike that the matrix cannot be inverted, with more noise to begin with.
    """
    shape = _kernels(x.shape[1])[kernel]()
    some = slice(None, None, -(-len(y) // _DECIDING))
    for known in _KNOWN_NOISE:
        noise = _GP.WhiteKernel(0.01, (1e-8, 10.0))
        try:
            fitted = _Process(shape + noise, alpha=known).fit(x[some], y[some])
            if len(y) <= _DECIDING:
                return fitted
            return _Process(fitted.kernel_, alpha=known, optimizer=None).fit(x, y)
        except np.linalg.LinAlgError:
            continue
    return _Process(_GP.WhiteKernel(1.0, (1e-8, 10.0)), alpha=1.0).fit(x, y)


def process_left_out(x: Array, y: Array, kernel: str) -> Array:
    """Return the residuals of leaving out each row at fixed hyper-parameters, ``(n,)``.

    In closed form: Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, 5.4.2.
    """
    model = process(x, y, kernel)
    root = np.linalg.inv(model.L_)
    return np.asarray(model.alpha_) / np.square(root).sum(axis=0)
