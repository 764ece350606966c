"""Whether what was set stays set: a hand at the panel, another program, a loss of power undo it.

The guard has compared the read-back; this compares every reading after it. Two readings in a row,
some seconds apart, must differ: a poll may have been under way when the command was given. A switch
(``running``) counts from the first reading that agrees.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from daemon.safety.alarms import Alarms
from daemon.safety.rows import number
from drivers.signal import Reading, SignalSpec

log = structlog.get_logger(__name__)

LASTS_S = 4.0  # between the first and the last reading that differ
OFF = 0.05  # of a flow: read-backs are rounded, and some pumps tell what they measure
OFF_ML_MIN, OFF_K = 0.005, 0.5
WHY = "changed at its panel, by another program, by a fault or a loss of power"
NOW = "setting it anew, or putting it back, clears this"


@dataclass(slots=True)
class _Goal:
    """What one signal was set to, at which loop time, and how long readings have differed."""

    value: float
    t: float
    agreed: bool
    differs_since: float | None = None


class AsSet:
    """The goals of one rig; ``actions`` are those of the alarms, by signal."""

    def __init__(
        self, specs: Mapping[str, SignalSpec], actions: Mapping[str, str], alarms: Alarms
    ) -> None:
        self._specs, self._actions, self._alarms = specs, actions, alarms
        self._goals: dict[str, _Goal] = {}

    def commanded(self, signal: str, value: float | None, now: float) -> None:
        """Note what a signal was set to; None: it is being set, or nobody minds any more."""
        if signal not in self._actions:
            return
        self._goals.pop(signal, None)
        self._alarms.returned(_alarm(signal))
        if value is not None:
            self._goals[signal] = _Goal(value, now, self._specs[signal].kind is not bool)

    def readings(self, group: Sequence[Reading]) -> None:
        """Compare a group of readings with what was set."""
        for reading in group:
            goal, value = self._goals.get(reading.signal), number(reading)
            if goal is not None and value is not None and reading.t > goal.t:
                self._compare(reading, goal, value)

    def _compare(self, reading: Reading, goal: _Goal, value: float) -> None:
        if abs(value - goal.value) <= _slack(reading.unit, goal.value):
            goal.agreed, goal.differs_since = True, None
            self._alarms.returned(_alarm(reading.signal))
        elif not goal.agreed:
            return
        elif goal.differs_since is None:
            goal.differs_since = reading.t
        elif reading.t - goal.differs_since >= LASTS_S:
            self._raise(reading, goal)

    def _raise(self, reading: Reading, goal: _Goal) -> None:
        alarm, action = _alarm(reading.signal), self._actions[reading.signal]
        if any(held.id == alarm and held.standing for held in self._alarms.all()):
            return
        switch = self._specs[reading.signal].kind is bool
        is_now = _word(number(reading), reading.unit, switch=switch)
        was = _word(goal.value, reading.unit, switch=switch)
        text = f"{reading.signal} is {is_now}, and was set to {was}: {WHY}; {NOW}"
        log.error("setpoint.changed", signal=reading.signal, now=is_now, was=was)
        self._alarms.raise_(alarm, text, latching=False, action=action)


def _alarm(signal: str) -> str:
    return f"{signal} not as set"


def _slack(unit: str, goal: float) -> float:
    """Return how far a reading may be off."""
    return max(OFF * goal, OFF_ML_MIN) if unit == "mL/min" else OFF_K


def _word(value: float | None, unit: str, *, switch: bool) -> str:
    if switch:
        return "on" if value else "off"
    return f"{value:g} {unit}"
