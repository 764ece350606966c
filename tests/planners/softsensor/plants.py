"""Synthetic plants: a slow property that follows from signals some steps before."""

import numpy as np

from planners.softsensor import Table


def plant(n=600, every=5, seed=0, noise=0.02):
    """Return a table whose result follows two signals, one of them 4 rows late; s of rows."""
    rng = np.random.default_rng(seed)
    drift = np.cumsum(rng.normal(0, 0.3, (n, 2)), axis=0)
    x = drift - drift.mean(axis=0) + rng.normal(0, 0.3, (n, 2))
    late = np.concatenate([np.full(4, x[0, 1]), x[:-4, 1]])
    y = 1.0 + 2.0 * x[:, 0] - 1.5 * late + 0.05 * x[:, 0] ** 2 + rng.normal(0, noise, n)
    measured = np.where(np.arange(n) % every == 0, y, np.nan)
    return Table(("pump.pressure", "bath.temperature"), x, measured)


def steady(n=400, every=5, seed=1):
    """Return a table whose result drifts slowly and has nothing to do with the signals."""
    rng = np.random.default_rng(seed)
    y = 10.0 + np.cumsum(rng.normal(0, 0.01, n))
    measured = np.where(np.arange(n) % every == 0, y, np.nan)
    return Table(("pump.pressure", "bath.temperature"), rng.normal(size=(n, 2)), measured)


def walk(step, noise, n=3000, every=5, seed=2, *, blind=False):
    """Return a table whose result is a random walk with noise; its signal is the walk, or blind."""
    rng = np.random.default_rng(seed)
    drift = np.cumsum(rng.normal(0, step, n))
    y = drift + rng.normal(0, noise, n)
    x = rng.normal(size=n) if blind else drift
    return Table(("a",), x[:, None], np.where(np.arange(n) % every == 0, y, np.nan))


def best_against_last(step, noise, delay, every=5):
    """Return r2LM of a sensor that knows the walk: it misses by the noise alone.

    The last known result is at least ``delay`` rows old, and at least one interval; it misses by
    the walk since then, and by the noise of both.
    """
    apart = every * max(1, -(-delay // every))
    return 1.0 - noise**2 / (apart * step**2 + 2.0 * noise**2)
