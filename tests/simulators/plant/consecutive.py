"""A -> P -> D in a coil, solved apart from the simulators.

Rate constants of the built-in chemistry: 0.05 and 0.01 1/s at 80 degC, 60 and 85 kJ/mol. First
order, so the closed tube with axial dispersion has an answer in closed form (Danckwerts 1953,
doi:10.1016/0009-2509(53)80001-1); D is what is missing.
"""

from math import exp, pi, sqrt

R = 8.31446261815324
DIFFUSIVITY_M2_S = 1e-9


def constants(degc):
    """Return k1 and k2, 1/s."""
    drop = (1.0 / (degc + 273.15) - 1.0 / 353.15) / R
    return 0.05 * exp(-60_000.0 * drop), 0.01 * exp(-85_000.0 * drop)


def plug_flow(c0, degc, seconds):
    """Return A, P, D after a batch of this length, mol/L."""
    k1, k2 = constants(degc)
    a = c0 * exp(-k1 * seconds)
    p = c0 * k1 / (k2 - k1) * (exp(-k1 * seconds) - exp(-k2 * seconds))
    return a, p, c0 - a - p


def bodenstein(volume_ml, inner_mm, seconds):
    """Return u L / D_ax of a tube by Taylor and Aris."""
    area = pi * (inner_mm / 2000.0) ** 2
    length = volume_ml * 1e-6 / area
    speed = length / seconds
    radius = inner_mm / 2000.0
    spread = DIFFUSIVITY_M2_S + radius**2 * speed**2 / (48.0 * DIFFUSIVITY_M2_S)
    return speed * length / spread


def _left(da, bo):
    """Return what a first-order reaction leaves at the outlet of a closed tube (Danckwerts)."""
    q = sqrt(1.0 + 4.0 * da / bo)
    over = (1 + q) ** 2 * exp(bo * (q - 1) / 2.0) - (1 - q) ** 2 * exp(-bo * (q + 1) / 2.0)
    return 4.0 * q / over


def outlet(c0, degc, seconds, volume_ml, inner_mm):
    """Return A, P, D at the outlet, mol/L.

    First order is linear: the combination ``P + k1/(k1 - k2) A`` decays with k2 alone.
    """
    bo = bodenstein(volume_ml, inner_mm, seconds)
    k1, k2 = constants(degc)
    a = c0 * _left(k1 * seconds, bo)
    w = k1 / (k1 - k2)
    p = w * c0 * _left(k2 * seconds, bo) - w * a
    return a, p, c0 - a - p
