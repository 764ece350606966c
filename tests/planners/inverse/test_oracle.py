"""The same mixture, read both ways, answers as the reference implementation does.

The numbers are those of dcekit 2.18.2 (MIT): ``GMR(n_components=2, covariance_type=...)`` with
``weights_``, ``means_`` and ``covariances_`` set to the ones below, asked by ``predict`` for its
first two answers (mode, weighted mean). Where dcekit is installed, it is asked itself, on mixtures
fitted to the virtual resin.
"""

import importlib.util

import numpy as np
import pytest

from planners.inverse.learners import _mixture
from planners.inverse.mixture import Mixture
from tests.planners.inverse.test_mixture import IN, OUT, resin

__all__ = ["resin"]  # a fixture

WEIGHTS = np.array([0.3, 0.7])
MEANS = np.array([[0.5, -1.0, 0.2], [-0.4, 0.6, 1.1]])
FIRST = [[1.2, 0.3, -0.4], [0.3, 0.8, 0.1], [-0.4, 0.1, 0.9]]
SECOND = [[0.7, -0.2, 0.3], [-0.2, 1.1, 0.25], [0.3, 0.25, 0.6]]
COVARIANCES = {
    "full": np.array([FIRST, SECOND]),
    "tied": np.array([FIRST, FIRST]),
    "diag": np.array([np.diag([1.2, 0.8, 0.9]), np.diag([0.7, 1.1, 0.6])]),
    "spherical": np.array([1.2 * np.eye(3), 0.7 * np.eye(3)]),
}
CONDITIONS = np.array([[0.4, -1.2], [-2.0, 1.5], [3.0, 0.0]])  # columns 0 and 1
RESULTS = np.array([[0.9], [-1.3]])  # column 2

# mode and mean of column 2 at CONDITIONS; mode and mean of columns 0 and 1 at RESULTS
REFERENCE = {
    "full": (
        [0.18505747126436783, 0.5568493150684932, -0.5298850574712644],
        [0.4377700912572226, 0.557165195509916, -0.5006116775699857],
        [[-0.5, 0.5166666666666666], [1.1666666666666667, -1.1666666666666667]],
        [
            [-0.351175347342542, 0.20581517442245972],
            [0.9567864695409364, -1.1085070939691752],
        ],
    ),
    "tied": (
        [0.18505747126436783, 1.991954022988506, -0.5298850574712644],
        [0.19510647702353676, 1.9919201272733893, -0.523907849783269],
        [[-0.3111111111111111, 0.5777777777777777], [1.1666666666666667, -1.1666666666666667]],
        [
            [-0.18598784297074145, 0.2024079733566687],
            [1.0420496980235323, -0.7928157607372631],
        ],
    ),
    "diag": (
        [0.2, 1.1, 0.2],
        [0.4522409121097202, 1.0954000843109526, 0.2128579437902304],
        [[-0.4, 0.6], [0.5, -1.0]],
        [
            [-0.20556779249590149, 0.25434274221493597],
            [0.4317257190072925, -0.878623500457409],
        ],
    ),
    "spherical": (
        [0.2, 1.1, 0.2],
        [0.3831879675668864, 1.086538421006892, 0.21456929424270124],
        [[-0.4, 0.6], [0.5, -1.0]],
        [
            [-0.20609650726726894, 0.2552826795862558],
            [0.39825781475593414, -0.8191250040104496],
        ],
    ),
}


@pytest.mark.parametrize("shape", REFERENCE)
def test_the_reference_answers_are_found_forwards_and_backwards(shape):
    mixture = Mixture(WEIGHTS, MEANS, COVARIANCES[shape])
    mode, mean, mode_back, mean_back = REFERENCE[shape]
    for row, likeliest, expected in zip(CONDITIONS, mode, mean, strict=True):
        given = mixture.given([0, 1], row)
        assert given.mode()[0] == pytest.approx(likeliest, abs=1e-6)
        assert given.mean()[0] == pytest.approx(expected, abs=1e-6)
    np.testing.assert_allclose(mixture.regress([0, 1], CONDITIONS)[:, 0], mean, atol=1e-6)
    for row, likeliest, expected in zip(RESULTS, mode_back, mean_back, strict=True):
        given = mixture.given([2], row)
        np.testing.assert_allclose(given.mode(), likeliest, atol=1e-6)
        np.testing.assert_allclose(given.mean(), expected, atol=1e-6)


if importlib.util.find_spec("dcekit"):  # no dependency: an oracle where it happens to be

    @pytest.mark.parametrize("shape", REFERENCE)
    def test_the_oracle_itself_says_the_same_of_the_resin(resin, shape):
        from dcekit.generative_model import GMR

        rows, _ = resin
        oracle = GMR(n_components=2, covariance_type=shape, rep="mean")
        oracle.reg_covar, oracle.random_state = 1e-3, 0
        oracle.fit(rows)
        ours = _mixture(oracle, shape, rows.shape[1])
        for known, wanted in ((IN, OUT), (OUT, IN)):
            mode, mean, *_ = oracle.predict(rows[:, known], known, wanted)
            told = [ours.given(known, row[known]) for row in rows]
            np.testing.assert_allclose([t.mode() for t in told], mode, atol=1e-6)
            np.testing.assert_allclose([t.mean() for t in told], mean, atol=1e-6)
