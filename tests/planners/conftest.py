"""What the planners' tests share."""

import numpy as np
import pytest

from planners.base import Continuous, Problem, Response


@pytest.fixture
def rng():
    """A generator, the same in every test."""
    return np.random.default_rng(7)


@pytest.fixture
def plane():
    """Two factors and one response."""
    return Problem((Continuous("a", 0.0, 1.0), Continuous("b", 0.0, 10.0)), (Response("y"),))
