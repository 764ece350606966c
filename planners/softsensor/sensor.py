"""A soft sensor that knows how good it is, and says when it is worse than doing nothing.

Components and lambda are chosen on the later part of the training data, each result foretold from
those known at that time alone. Judged is by r2, by the root mean square error, and by r2LM, which
compares with repeating the last result that was known instead of with the mean. A sensor whose r2LM
is negative is worse than the last measurement, and refuses to speak. One whose r2 is no more than
chance gives speaks, and says what to think of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planners.errors import BadOption, CannotSuggest
from planners.rounding import rounded
from planners.scaling import Scale
from planners.softsensor.lwpls import Array, predictions
from planners.softsensor.table import Table, lagged

Indices = NDArray[np.intp]

LAMBDAS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
_MOST_COMPONENTS = 8
_FEWEST = 12  # results: fewer cannot be split into learning and validation
_LEARNING = 0.6  # of the results, the rest validates
_MOST_ASKED = 80  # results used for validation, the latest: keeps the choice quick
# r2 times the results that are foretold: of 120 tables of mere noise each with 5, 8, 16 and 32 of
# them, 95 % stayed below 2.9, 3.5, 2.9 and 2.2 (components and lambda are chosen on the same ones)
_CHANCE = 3.0
_BESIDE = 0.1  # of its range: a signal as far outside is worth a word


@dataclass(frozen=True, slots=True)
class Validation:
    """How good foretold results are: rmse in the response's unit; r2LM below 0 is no use."""

    r2: float
    r2_last: float
    rmse: float
    n: int

    @property
    def chance(self) -> float:
        """Return the r2 that signals without any bearing on the results reach by chance."""
        return _CHANCE / self.n


@dataclass(frozen=True)
class SoftSensor:
    """Known rows ``x`` ``(n, f)`` and results ``y`` ``(n,)``, and the validated choice."""

    signals: tuple[str, ...]
    lags: tuple[int, ...]
    components: int
    localness: float
    validation: Validation
    x: Array
    y: Array

    @property
    def useful(self) -> bool:
        """Return whether it foretells better than repeating the last result."""
        return self.validation.r2_last > 0.0

    @property
    def doubt(self) -> str:
        """Return why its answers are not worth believing, with the figure; empty when they are."""
        figures = self.validation
        if not self.useful:
            what = (
                "is worse than repeating the last measurement and gives no value"
                f" (r2LM {figures.r2_last:.2g}"
            )
        elif figures.r2 <= 0.0:
            what = f"foretells no better than the mean of its results (r2 {figures.r2:.2g}"
        elif figures.r2 <= figures.chance:
            what = (
                "is not known to foretell better than the mean of its results"
                f" (r2 {figures.r2:.2g}, and noise reaches {figures.chance:.2g}"
            )
        else:
            return ""
        more = "it needs other signals, other lags or more analyses"
        return f"the soft sensor {what} on {figures.n} results): {more}"

    def predict(self, row: Array) -> float:
        """Return the result expected of lagged signals ``(f,)``, in the response's unit.

        Raises CannotSuggest when it is worse than repeating the last measurement, or when a signal
        is missing.
        """
        if not self.useful:
            raise CannotSuggest(self.doubt)
        if not np.isfinite(row).all():
            raise CannotSuggest("a signal of the soft sensor has no value at one of its lags")
        return float(_answers(self.x, self.y, row, self.components, self.localness)[-1])

    def uncertainty(self, row: Array) -> float:
        """Return the sd of what is expected of lagged signals ``(f,)``, in the response's unit.

        Within the training's ranges it is the validation's error. Outside nothing was validated: a
        whole range further, the result may be anything that results were.
        """
        further = float(self._further(row).max(initial=0.0))
        return float(np.hypot(self.validation.rmse, further * self.y.std()))

    def stranger(self, row: Array) -> str:
        """Return which signal lies furthest outside the training's range; empty when none does."""
        further = self._further(row)
        place = int(np.argmax(further))
        if not further[place] > _BESIDE:
            return ""
        low, high = (float(end[place]) for end in (self.x.min(axis=0), self.x.max(axis=0)))
        signal = self.signals[place % len(self.signals)]
        now, seen = rounded(float(row[place])), f"{rounded(low)} to {rounded(high)}"
        seen = seen if high > low else f"{rounded(low)} alone"
        return f"the soft sensor has learned nothing of {signal} {now}: it saw {seen}"

    def lost(self, row: Array) -> bool:
        """Return whether a signal lies a whole training range outside: any result may be then."""
        return bool(self._further(row).max(initial=0.0) >= 1.0)

    @property
    def idle(self) -> tuple[str, ...]:
        """Return the signals that never vary in the training data: nothing is learned of them."""
        n, spread = len(self.signals), np.ptp(self.x, axis=0)
        return tuple(name for i, name in enumerate(self.signals) if not spread[i::n].any())

    def _further(self, row: Array) -> Array:
        """Return how far each signal lies outside the training's range, in such ranges ``(f,)``."""
        low, high = self.x.min(axis=0), self.x.max(axis=0)
        gaps = np.maximum(np.maximum(low - row, row - high), 0.0)
        return gaps / np.where(high > low, high - low, 1.0)

    def with_result(self, row: Array, value: float) -> "SoftSensor":
        """Return the sensor after a new result, for the lagged signals of its sample ``(f,)``."""
        x, y = np.vstack([self.x, row[None, :]]), np.append(self.y, value)
        return SoftSensor(
            self.signals, self.lags, self.components, self.localness, self.validation, x, y
        )


def fit_sensor(
    table: Table,
    lags: Sequence[int] = (0,),
    delay: int = 0,
    components: int | None = None,
    localness: float | None = None,
) -> SoftSensor:
    """Return the sensor of a training table; components and lambda are chosen where None.

    ``lags`` and ``delay`` (from a sample to its result) are counted in rows. Raises CannotSuggest
    when there are too few complete results, BadOption when a number is not one of those allowed.
    """
    _check(lags, delay, components, localness, len(table.signals))
    wide = lagged(table.x, lags)
    whole = np.isfinite(wide).all(axis=1) & np.isfinite(table.y)
    times = np.flatnonzero(whole)
    x, y = wide[times], table.y[times]
    _require_enough(y, int(np.isfinite(table.y).sum()), lags)
    asked = _asked(times, delay)
    most = components or min(_MOST_COMPONENTS, x.shape[1])
    scales = LAMBDAS if localness is None else (localness,)
    trials = {lam: _foretold(x, y, times, asked, delay, most, lam) for lam in scales}
    numbers = range(1, most + 1) if components is None else (components,)
    truth = y[asked]
    best = min(
        ((c, lam) for lam in scales for c in numbers),
        key=lambda pair: float(((trials[pair[1]][:, pair[0] - 1] - truth) ** 2).sum()),
    )
    last = np.array([y[_known(times, int(t), delay)][-1] for t in times[asked]])
    validation = validate(truth, trials[best[1]][:, best[0] - 1], last)
    return SoftSensor(table.signals, tuple(lags), *best, validation, x, y)


def _require_enough(y: Array, results: int, lags: Sequence[int]) -> None:
    """Raise CannotSuggest when the complete results ``y`` of all ``results`` teach nothing."""
    if len(y) < _FEWEST:
        back = f", also {max(lags)} rows before" if max(lags) else ""
        raise CannotSuggest(
            f"a soft sensor needs at least {_FEWEST} results with all their signals{back};"
            f" the training data have {len(y)}"
            + (f", and {results - len(y)} without" if results > len(y) else "")
        )
    if y.min() == y.max():
        raise CannotSuggest(
            f"all {len(y)} results of the training data are {float(y[0]):g}: from these nobody"
            " learns what changes them (take samples over the range of conditions)"
        )


def _check(
    lags: Sequence[int],
    delay: int,
    components: int | None,
    localness: float | None,
    signals: int,
) -> None:
    faults: list[str] = []
    if not lags or min(lags) < 0:
        faults.append(f"lags: must be whole numbers of rows from 0 up, got {list(lags)}")
    if delay < 0:
        faults.append(f"delay: must be >= 0, got {delay}")
    if components is not None and components < 1:
        faults.append(f"components: must be at least 1, got {components}")
    if components is not None and components > (most := signals * len(lags)):
        faults.append(f"components: must be at most {most}, signals times lags, got {components}")
    if localness is not None and not localness > 0:
        faults.append(f"localness: must be > 0, got {localness:g}")
    if faults:
        raise BadOption(faults)


def validate(truth: Array, foretold: Array, last: Array) -> Validation:
    """Return the figures of foretold results ``(n,)``; ``last`` are those known at each time."""
    missed = float(((truth - foretold) ** 2).sum())
    return Validation(
        r2=_r2(missed, truth - truth.mean()),
        r2_last=_r2(missed, truth - last),
        rmse=float(np.sqrt(missed / len(truth))),
        n=len(truth),
    )


def _r2(missed: float, naive: Array) -> float:
    """Return 1 - missed / what the naive guess misses; a naive guess without a miss wins."""
    total = float((naive**2).sum())
    return 1.0 - missed / total if total > 0.0 else float("-inf")


def _asked(times: Indices, delay: int) -> Indices:
    """Return the numbers of the results to validate with: late ones, with enough known before."""
    late = np.arange(len(times)) >= int(_LEARNING * len(times))
    known = np.array([int(_known(times, int(t), delay).sum()) for t in times])
    asked = np.flatnonzero(late & (known >= 2))[-_MOST_ASKED:]
    if not len(asked):
        raise CannotSuggest(
            f"no result is known within {delay} rows of any other: delay is too long"
        )
    return asked


def _known(times: Indices, now: int, delay: int) -> NDArray[np.bool_]:
    """Return which results had arrived before a sample was taken at row ``now``."""
    return times + max(delay, 1) <= now


def _foretold(
    x: Array,
    y: Array,
    times: Indices,
    asked: Indices,
    delay: int,
    components: int,
    localness: float,
) -> Array:
    """Return results foretold from those known at the time, ``(len(asked), components)``."""
    found = np.empty((len(asked), components))
    for i, at in enumerate(asked):
        known = _known(times, int(times[at]), delay)
        found[i] = _answers(x[known], y[known], x[at], components, localness)
    return found


def _answers(x: Array, y: Array, asked: Array, components: int, localness: float) -> Array:
    """Return the result expected of a row ``(f,)`` with 1 to ``components``, ``(components,)``."""
    of_x, of_y = Scale.of(x), Scale.of(y)
    told = predictions(of_x.apply(x), of_y.apply(y), of_x.apply(asked), components, localness)
    return of_y.undo(told)
