"""Rows of the safety table, and whether one is violated by what its signals read now.

Pure values and functions: no clock, no loop. ``daemon.safety.interlocks`` runs the rows over time.
"""

from dataclasses import dataclass
from math import inf, isfinite
from typing import Literal

from drivers.signal import Quality, Reading

Action = Literal["warn", "hold", "trip"]

SETTLED_K = 5.0  # a temperature this near its setpoint may stand still


@dataclass(frozen=True, slots=True)
class Row:
    """One interlock; thresholds are in the unit of ``signal``, times in s.

    ``stale_s`` None means that silence is no violation. With ``bad_counts`` False a bad reading
    counts as silence: the row goes by the last good one. ``only_while`` names a boolean signal
    without which the row sleeps, such as ``bath.running`` (a number counts as true unless it is 0).

    A *deficit* is against what the signal was commanded, or, with ``commanded_of``, against what
    those signals were commanded together: nobody commands a meter, but the pumps before it.

    A temperature beside its setpoint (``other``) *runs away* when it is ``runaway`` above both the
    setpoint and the lowest it was since the setpoint last changed: cooling down is no runaway. It
    is *frozen* when it has not changed at all for ``frozen_s`` while it should. With
    ``armed_above`` the row says nothing before the signal has been so high since it woke.
    """

    name: str
    signal: str
    action: Action = "trip"
    above: float | None = None
    below: float | None = None
    rate_above: float | None = None  # per s
    other: str | None = None
    by: float | None = None
    deficit: float | None = None  # fraction of the commanded value
    commanded_of: tuple[str, ...] = ()  # signals whose commands count; none: the signal's own
    stale_s: float | None = None
    delay_s: float = 0.0
    latching: bool = True
    bad_counts: bool = True
    only_while: str | None = None
    runaway: float | None = None
    frozen_s: float | None = None
    armed_above: float | None = None
    cured_by_flow: bool = False  # more flow is the remedy, and is not refused

    @property
    def watched(self) -> tuple[str, ...]:
        """Return the signals whose readings can change this row."""
        return (self.signal,) if self.other is None else (self.signal, self.other)

    @property
    def bounds_only(self) -> bool:
        """Return whether a reading is judged by itself alone."""
        return (
            self.rate_above is None
            and self.other is None
            and self.deficit is None
            and self.armed_above is None
        )


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong: the offending value (None when there is none) and the bound it crossed."""

    message: str
    value: float | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a row is judged by: the readings of its signals, and the commanded value if known."""

    now: Reading
    before: Reading | None = None  # the last good reading before ``now``
    other: Reading | None = None
    commanded: float | None = None
    commanded_at: float = 0.0
    lowest: float | None = None  # since ``other`` last changed
    same_s: float = 0.0  # how long the value has been exactly the same


def number(reading: Reading) -> float | None:
    """Return the reading as a finite number, or None when it is bad, text or not finite."""
    value = reading.value
    if reading.quality is Quality.BAD or value is None or isinstance(value, str):
        return None
    return float(value) if isfinite(value) else None


def plainly_fine(row: Row, reading: Reading) -> bool:
    """Return whether a row of bounds only has nothing to object; cheap, as almost all readings are.

    False says nothing: ask :func:`violation`.
    """
    value = reading.value
    return (
        row.bounds_only
        and type(value) is float
        and reading.quality is not Quality.BAD
        and (row.above is None or value <= row.above)
        and (row.below is None or value >= row.below)
        and -inf < value < inf
    )


def violation(row: Row, seen: Seen) -> Violation | None:
    """Return what is wrong with the row's signals now, or None."""
    value = number(seen.now)
    if value is None:
        return Violation(f"{row.signal} {_why_bad(seen.now)}")
    return (
        _outside(row, value, seen.now.unit)
        or _too_fast(row, seen, value)
        or _disagrees(row, seen, value)
        or _deficit(row, seen, value)
        or _runs_away(row, seen, value)
        or _frozen(row, seen, value)
    )


def _why_bad(reading: Reading) -> str:
    reason = reading.reason or ("not a number" if reading.value is not None else "no value")
    return f"cannot be trusted ({reason})"


def _outside(row: Row, value: float, unit: str) -> Violation | None:
    if row.above is not None and value > row.above:
        text = f"{row.signal} = {value:g} {unit} is above {row.above:g}"
        return Violation(text, value, row.above)
    if row.below is not None and value < row.below:
        text = f"{row.signal} = {value:g} {unit} is below {row.below:g}"
        return Violation(text, value, row.below)
    return None


def _too_fast(row: Row, seen: Seen, value: float) -> Violation | None:
    if row.rate_above is None or seen.before is None or seen.now.t <= seen.before.t:
        return None
    before = number(seen.before)
    if before is None:
        return None
    rate = (value - before) / (seen.now.t - seen.before.t)
    if rate <= row.rate_above:
        return None
    text = f"{row.signal} rises by {rate:g} {seen.now.unit}/s, more than {row.rate_above:g}"
    return Violation(text, rate, row.rate_above)


def _disagrees(row: Row, seen: Seen, value: float) -> Violation | None:
    if seen.other is None or row.by is None:
        return None
    other = number(seen.other)
    if other is None:
        return Violation(f"{row.other} {_why_bad(seen.other)}", value, row.by)
    if abs(value - other) <= row.by:
        return None
    text = f"{row.signal} = {value:g} and {row.other} = {other:g} differ by more than {row.by:g}"
    return Violation(text, value - other, row.by)


def _deficit(row: Row, seen: Seen, value: float) -> Violation | None:
    """Compare with the commanded value, once the reading is younger than the command.

    Where nothing was commanded there is no deficit: what a meter reads then is its noise.
    """
    if row.deficit is None or seen.commanded is None or seen.now.t < seen.commanded_at:
        return None
    if seen.commanded <= 0:
        return None
    least = (1.0 - row.deficit) * seen.commanded
    if value >= least:
        return None
    text = f"{row.signal} = {value:g} {seen.now.unit} is below {least:g} of {seen.commanded:g} set"
    if row.commanded_of:
        text += f" for {', '.join(row.commanded_of)}"
    return Violation(text, value, least)


def _runs_away(row: Row, seen: Seen, value: float) -> Violation | None:
    goal = None if seen.other is None else number(seen.other)
    if row.runaway is None or goal is None or seen.lowest is None:
        return None
    most = max(goal, seen.lowest) + row.runaway
    if value <= most:
        return None
    text = f"{row.signal} = {value:g} {seen.now.unit} runs away from {row.other} = {goal:g}"
    return Violation(text, value, most)


def _frozen(row: Row, seen: Seen, value: float) -> Violation | None:
    goal = None if seen.other is None else number(seen.other)
    if row.frozen_s is None or goal is None or seen.same_s < row.frozen_s:
        return None
    if abs(value - goal) <= SETTLED_K:
        return None
    text = f"{row.signal} = {value:g} {seen.now.unit} has not changed for {seen.same_s:.3g} s"
    return Violation(f"{text}, and {row.other} = {goal:g}", value, goal)
