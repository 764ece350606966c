"""Independent solutions that the plant is held against; nothing here is used by the simulators."""

import numpy as np
from scipy.integrate import solve_bvp, solve_ivp
from scipy.optimize import brentq

R = 8.31446261815324
AMOUNTS = np.array(  # dfnb, pyrrolidine, ortho, para, bis
    [[-1, -1, 0, 0], [-1, -1, -1, -1], [1, 0, -1, 0], [0, 1, 0, -1], [0, 0, 1, 1]], dtype=float
)
K90 = np.array([0.579, 0.0270, 0.00865, 0.0163])
EA = 1000.0 * np.array([33.3, 35.3, 38.9, 44.8])


def snar(c, degc):
    """Return dc/dt of Hone's SnAr written out by hand; c has shape (5,) or (5, n)."""
    k = K90 * np.exp(-EA / R * (1.0 / (np.asarray(degc) + 273.15) - 1.0 / 363.15)[..., None])
    k = k.T
    a, b, o, p = c[:4]
    speeds = np.array([k[0] * a * b, k[1] * a * b, k[2] * o * b, k[3] * p * b])
    return AMOUNTS @ speeds


def batch(c0, degc, seconds):
    """Return the outcome of a batch, shape (5,)."""
    degc = degc if callable(degc) else (lambda _, value=degc: value)
    return solve_ivp(
        lambda t, c: snar(c, degc(t)), (0, seconds), c0, method="LSODA", rtol=1e-10, atol=1e-13
    ).y[:, -1]


def dispersed(c0, degc, tau_s, bo):
    """Return the outlet of the axial-dispersion reaction equation, closed-closed, shape (5,).

    c''/Bo - c' + tau r = 0 with Danckwerts' boundaries, by collocation.
    """
    n = len(c0)

    def equations(x, y):
        return np.vstack([y[n:], bo * (y[n:] - tau_s * snar(y[:n], np.full(x.size, degc)))])

    def ends(left, right):
        return np.concatenate([left[:n] - left[n:] / bo - c0, right[n:]])

    x = np.linspace(0, 1, 300)
    guess = solve_ivp(
        lambda t, c: snar(c, degc), (0, tau_s), c0, method="LSODA", t_eval=x * tau_s, rtol=1e-8
    ).y
    start = np.vstack([guess, np.gradient(guess, x, axis=1)])
    solution = solve_bvp(equations, ends, x, start, tol=1e-6, max_nodes=50_000)
    assert solution.success, solution.message
    return solution.y[:n, -1]


def lines(feed_of_t, degc_of_t, tau_s, bo, times, n=200):
    """Return the outlet over time by the method of lines, shape (5, len(times)).

    Second-order upwind convection and central dispersion on a fixed grid, closed-closed.
    """
    h = 1.0 / n

    def slope(t, flat):
        c = flat.reshape(n, 5).T
        upwind = c.copy()
        upwind[:, 1:] += 0.5 * (c[:, 1:] - c[:, :-1])  # to the right face of each cell
        flux = np.empty((5, n + 1))
        flux[:, 0] = feed_of_t(t)
        flux[:, 1:] = upwind
        flux[:, 1:-1] -= (c[:, 1:] - c[:, :-1]) / (h * bo)
        change = (flux[:, :-1] - flux[:, 1:]) / (h * tau_s)
        return (change + snar(c, np.full(n, degc_of_t(t)))).T.ravel()

    solution = solve_ivp(
        slope, (0, times[-1]), np.zeros(5 * n), method="LSODA", t_eval=times,
        lband=10, uband=5, rtol=1e-6, atol=1e-8,
    )  # fmt: skip
    return solution.y.reshape(n, 5, -1)[-1]


def brenner(bo, times):
    """Return a closed tube's answer to a step, by Brenner's series (1962); times in tau."""
    h = bo / 2.0
    grid = np.arange(1e-4, 400.0, 0.01)

    def equation(a):
        return (a * a - h * h) * np.sin(a) - 2.0 * h * a * np.cos(a)

    signs = np.nonzero(np.diff(np.sign(equation(grid))))[0]
    roots = np.array([brentq(equation, grid[i], grid[i + 1]) for i in signs])
    decay = (roots**2 + h * h) / bo
    weight = 2.0 * roots**2 / (h * h + 2.0 * h + roots**2) / decay
    weight[1::2] *= -1.0
    return 1.0 - (weight * np.exp(h - np.outer(times, decay))).sum(axis=1)
