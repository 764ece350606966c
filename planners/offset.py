"""A rig that makes something else than it is asked for, run after run: worth a word."""

from collections.abc import Iterator, Sequence

import numpy as np

from planners.base import Observation
from planners.factors import Continuous
from planners.problem import Problem
from planners.rounding import counted, rounded

_FEWEST = 4  # runs
_SHARE = 0.02  # of the range: less is nothing to talk about
_STEADY = 3.0  # times the spread of the differences


def remarks_on_achieved(problem: Problem, history: Sequence[Observation]) -> dict[str, str]:
    """Return a sentence for each factor that comes out otherwise than asked, in nearly all runs.

    It must come out otherwise by nearly the same each time; what scatters has no sentence.
    """
    return {f.name: said for f in problem.factors for said in _offset(f, history)}


def _offset(factor: object, history: Sequence[Observation]) -> Iterator[str]:
    """Give what is said of one factor: by how much it comes out beside what was asked."""
    if not isinstance(factor, Continuous):
        return
    name = factor.name
    pairs = [(r.point[name], r.achieved[name]) for r in history if r.achieved is not None]
    asked, found = np.array(pairs, dtype=float).reshape(-1, 2).T
    wide = np.abs(found - asked) > _SHARE * (factor.high - factor.low)
    if len(pairs) < _FEWEST or np.count_nonzero(wide) <= len(pairs) / 2:
        return
    by = found - asked
    middle = float(np.median(by))
    if np.median(np.abs(by - middle)) * _STEADY > abs(middle):
        return
    much = f"{rounded(abs(middle), 3)} {factor.unit}".rstrip()
    way, mend = ("below", "more") if middle < 0 else ("above", "less")
    yield (
        f"{name}: comes out {much} {way} what was asked for (median of"
        f" {counted(len(pairs), 'run')}); models learn at what came out, so what is suggested is"
        f" meant to come out: mend the calibration, or set {much} {mend}"
    )
