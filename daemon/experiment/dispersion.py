"""Axial dispersion: how long a step of the inlet takes to show fully at the outlet (DOMAIN 4, 6).

Step response in flux concentrations (Kreft and Zuber 1978, doi:10.1016/0009-2509(78)85196-3).
With theta the pumped volume over the reactor's, Bo = u L / D_ax and
z-, z+ = (1 -+ theta) sqrt(Bo/theta)/2,

    F(theta) = (erfc(z-) + exp(Bo) erfc(z+)) / 2,

the distribution of first passage: mean 1, variance 2/Bo. It tails a little longer than the closed
vessel, so that waiting for it is on the safe side.
"""

from functools import lru_cache
from math import erfc, exp, log, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from daemon.settings.models import ReactorSettings

Array = NDArray[np.float64]
LAMINAR_THETA99 = 5.0  # laminar flow without diffusion: the slowest a tube can be (DOMAIN 4)


def bodenstein(reactor: ReactorSettings, total_ml_min: float) -> float:
    """Return Bo of the coil at this flow: D_ax = D_m + u^2 d^2 / (192 D_m) (Taylor, Aris)."""
    d = reactor.inner_diameter_mm * 1e-3
    area = pi * d**2 / 4
    length = reactor.volume_ml * 1e-6 / area
    u = total_ml_min * 1e-6 / 60.0 / area
    d_m = reactor.diffusivity_m2_s
    return u * length / (d_m + u**2 * d**2 / (192.0 * d_m))


def step_response(theta: Array, bo: float) -> Array:
    """Return the outlet's answer to a unit step of the inlet at ``theta`` = 0.

    ``theta`` is pumped volume over reactor volume, shape ``(n,)``; values up to 0 give 0.
    """
    return np.array([_response(float(t), bo) for t in np.asarray(theta, dtype=float)])


def _response(theta: float, bo: float) -> float:
    if theta <= 0:
        return 0.0
    root = sqrt(bo / theta) / 2.0
    behind, ahead = root * (1.0 - theta), root * (1.0 + theta)
    # exp(Bo) erfc(z+) = exp(-z-^2) erfcx(z+): the plain product overflows
    return (erfc(behind) + exp(-(behind**2)) * _erfcx(ahead)) / 2.0


def _erfcx(z: float) -> float:
    """Return exp(z^2) erfc(z) for z >= 0, to 1e-9 (Abramowitz and Stegun, 7.1.23 for large z)."""
    if z < 6.0:
        return exp(z * z) * erfc(z)
    q = 1.0 / (2.0 * z * z)
    return (1.0 - q * (1.0 - 3.0 * q * (1.0 - 5.0 * q * (1.0 - 7.0 * q)))) / (z * sqrt(pi))


def theta_at(bo: float, fraction: float = 0.99) -> float:
    """Return the pumped reactor volumes until ``fraction`` of a step has come out.

    Never more than :data:`LAMINAR_THETA99`, which bounds tubes too short for the model as well.
    """
    return _theta_at(round(log(max(bo, 1e-3)), 2), fraction)


@lru_cache(maxsize=4096)
def _theta_at(log_bo: float, fraction: float) -> float:
    bo = exp(log_bo)
    low, high = 0.5, LAMINAR_THETA99
    if _response(high, bo) < fraction:
        return LAMINAR_THETA99
    for _ in range(40):
        middle = (low + high) / 2
        below = _response(middle, bo) < fraction
        low, high = (middle, high) if below else (low, middle)
    return high
