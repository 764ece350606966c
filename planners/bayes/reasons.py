"""Why a point was chosen, how far the best is from the best possible, and when to stop.

Expected regret: the mean over joint draws of the model of the greatest value among many rows, less
that at the best known run (the simple regret of Bayesian optimisation). When it is less than the
noise of one run, another run cannot show an improvement.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from planners.bayes import acquisition
from planners.bayes.models.space import Space
from planners.bayes.worth import Worth
from planners.factors import Array
from planners.rounding import rounded

_DRAWS = 64
_ROWS = 96  # rows among which the greatest is sought
_LITTLE = 0.01  # of a response's spread: a difference that nobody would pay a run for
_DOUBTFUL = 0.9  # chances of success below it are worth a word
_WORTH_A_WORD = 0.05  # probability of a kinetic law
_HOPE = 0.1  # chance to beat the best known run, below which a run is better spent elsewhere
_NEVER = 0.005  # chance that targets are met, below which they are out of reach
_MET = 0.95  # chance that targets are met, above which they are
_GROWTH = 0.002  # of the front's area or volume: growth not worth a run
_NOTHING = "nothing worth more than noise"
_OUTCOMES, _DIRECTIONS = 128, 256  # draws of one run's outcome, and of ways to improve


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is still to be gained, as a sentence, and whether that is worth another run."""

    text: str
    stop: bool
    little: bool = True  # this run promises little, too

    def note(self, *, waiting: bool) -> str:
        """Return the sentence, with the advice to stop when it is due.

        Not while runs are ``waiting``, which are counted as if they came out as expected.
        """
        if not self.stop:
            return self.text
        if waiting:
            expected = "if the runs before it come out as expected"
            return f"{self.text}; {_NOTHING} would be left {expected}"
        return f"{self.text}; {_NOTHING} is left, stop here"


def why(worth: Worth, row: Array, success: float) -> str:
    """Return in words what a promising row is chosen for; ``success`` is its chance, 0 to 1."""
    parts = [_goal_reason(worth, row)]
    if worth.gates:
        parts.append(f"targets met with {np.exp(worth.target_logs(row[None])[0]):.0%}")
    if far := worth.out_of_sight:
        parts.append(f"the target of {', '.join(far)} is far from anything seen")
    if success < _DOUBTFUL:
        parts.append(f"chance of success {success:.0%}")
    if lawful := _lawful(worth):
        parts.append(f"kinetics believed for {lawful}")
    return ", ".join(parts)


def _lawful(worth: Worth) -> str:
    """Return which responses seem to follow a kinetic law, and how probable that is."""
    shares = {m.response.name: m.process.lawful for m in (*worth.goals, *worth.gates)}
    return ", ".join(f"{name} with {p:.0%}" for name, p in shares.items() if p > _WORTH_A_WORD)


def _goal_reason(worth: Worth, row: Array) -> str:
    if not len(worth.known):
        return f"feasibility: {_feasible(worth, row)}"
    means, sds = worth.predicted(row[None])
    if len(worth.goals) > 1:
        beaten = np.any(np.all(worth.known >= means, axis=1))
        return (
            "explore: may extend the front" if beaten else "exploit: expected to extend the front"
        )
    better = float(ndtr((means[0, 0] - worth.known.max()) / sds[0, 0]))
    if means[0, 0] >= worth.known.max():
        return f"exploit: better than the best so far with {better:.0%}"
    return f"explore: uncertain enough to be better than the best so far, with {better:.0%}"


def _feasible(worth: Worth, row: Array) -> str:
    nearest = "expected to come nearest to the target"
    if worth.out_of_sight or worth.target_logs(row[None])[0] > np.log(_NEVER):
        return nearest if worth.nears else "most likely to meet the targets"
    best = nearest if worth.nears else "the least unlikely"
    return f"no conditions are expected to meet the targets, these are {best}"


def hopeless(worth: Worth, row: Array) -> bool:
    """Return whether even the most promising row is hardly better than the best known run.

    The rows left are then those far out at the corners, where the model knows least: it is better
    to look into the largest gap.
    """
    if len(worth.goals) != 1 or not len(worth.known):
        return False
    means, sds = worth.predicted(row[None])
    return bool(ndtr((means[0, 0] - worth.known.max()) / sds[0, 0]) < _HOPE)


def outlook(space: Space, worth: Worth, pool: Array, row: Array, success: float) -> Outlook | None:
    """Return what is left to gain, judged on ``pool`` ``(m, dimension)``; None if not known.

    ``row`` is the next one, perhaps outside the pool, and ``success`` its chance, 0 to 1.
    """
    if not worth.goals:
        met = float(np.exp(worth.target_logs(worth.seen)).max(initial=0.0))
        return Outlook(f"best known run meets the targets with {met:.0%}", met > _MET)
    if not len(worth.known):
        return None
    if len(worth.goals) == 1:
        return _regret(space, worth, pool, row, success)
    return _growth(worth, row, success, worth.reference) if worth.reference is not None else None


def _regret(space: Space, worth: Worth, pool: Array, row: Array, success: float) -> Outlook:
    goal = worth.goals[0]
    regret, plain = expected_regret(space, worth, pool, _DRAWS)
    noise = float(np.sqrt(goal.process.noise_variance))
    far = f"{rounded(plain, 3)} from the best possible {goal.response.name}"
    text = f"the best known run is expected {far}"
    gain = success * float(np.exp((worth.target_logs(row[None]) + worth.improvement(row[None]))[0]))
    little = max(noise, _LITTLE)
    return Outlook(text, max(regret, gain) < little, gain < 0.5 * little)


def expected_regret(space: Space, worth: Worth, pool: Array, n_draws: int) -> tuple[float, float]:
    """Return the expected regret of one goal on the model's scale, and in the response's unit.

    The greatest is sought among the rows of ``pool`` ``(m, dimension)`` in ``n_draws`` functions.
    """
    goal = worth.goals[0]
    best = worth.seen[worth.likely][int(np.argmax(worth.known[:, 0]))]
    means, sds = worth.predicted(pool)
    hopes = means[:, 0] + 2.0 * sds[:, 0] + worth.target_logs(pool)
    features = space.features(np.vstack([best, pool[np.argsort(-hopes, kind="stable")[:_ROWS]]]))
    generator = np.random.default_rng(0)
    draws = goal.process.draws(features, generator.normal(size=(n_draws, len(features))))
    draws = np.minimum(draws, goal.scale.top)
    others = np.where(_meets(worth, features[1:], n_draws, generator), draws[:, 1:], -np.inf)
    regret = float(np.maximum(others.max(axis=1) - draws[:, 0], 0.0).mean())
    top = float(worth.known.max())
    return regret, abs(float(goal.scale.plain(top + regret) - goal.scale.plain(top)))


def _meets(
    worth: Worth, features: Array, n_draws: int, generator: np.random.Generator
) -> NDArray[np.bool_]:
    """Return in which joint draws rows of features ``(m, f)`` meet the targets, ``(draws, m)``."""
    met = np.ones((n_draws, len(features)), dtype=bool)
    for gate in worth.gates:
        low, high = gate.bounds()
        drawn = gate.process.draws(features, generator.normal(size=met.shape))
        met &= (drawn >= low) & (drawn <= high)
    return met


def _growth(worth: Worth, row: Array, success: float, reference: Array) -> Outlook:
    """Return by how much one more run is expected to enlarge the front."""
    generator, goals = np.random.default_rng(0), len(reference)
    means, sds = worth.predicted(row[None])
    draws = means + worth.shown(sds) * generator.normal(size=(_OUTCOMES, goals))
    directions = np.maximum(np.abs(generator.normal(size=(_DIRECTIONS, goals))), 1e-3)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    met = success * float(np.exp(worth.target_logs(row[None])[0]))
    own = [
        np.column_stack([g.scale.own(v[:, k]) for k, g in enumerate(worth.goals)])
        for v in (worth.known, draws, reference[None])
    ]
    growth = met * acquisition.volume_growth(own[0], own[1], own[2][0], directions)
    what = "area" if goals == 2 else "volume"
    much = f"grow by {growth:.2g} of itself" if growth < 1 else "more than double"
    text = f"the front's {what} is expected to {much} with this run"
    return Outlook(text, growth < _GROWTH, growth < 4 * _GROWTH)
