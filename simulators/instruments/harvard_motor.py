"""The motor of a Harvard syringe pump: rates, directions, target volume, counters.

Pump 11 Elite manual 5420-002 Rev C. The pump knows the diameter it was told; what it really
displaces goes with the syringe that is fitted. It notices a stalled motor by its encoder.
"""

import asyncio
from collections.abc import Callable
from math import pi
from typing import Literal

from simulators.ports import Clock, PumpPort

Direction = Literal["I", "W"]
FASTEST_CM_MIN = 19.0653  # of the plunger: gives the manual's printed limits with 14.5 mm
SLOWEST_CM_MIN = 18.3584e-6
DIAMETERS_MM = (0.1, 45.0)
LOOK_S = 0.5  # between its own looks at the encoder
LOST_S = 0.4  # of steps that the encoder must miss


class Refused(Exception):  # an answer of the pump, not an error of ours
    """The pump refuses; the text says how it puts it."""


class Motor:
    """The drive; volumes mL, flows mL/min."""

    def __init__(
        self,
        pump: PumpPort,
        clock: Clock,
        *,
        fitted_mm: float | None,
        tell: Callable[[], None],
    ) -> None:
        """``tell`` is called when the motor has stopped by itself."""
        self._pump, self._clock, self._tell = pump, clock, tell
        self._fitted_mm = fitted_mm
        self._timer: asyncio.TimerHandle | None = None
        self._look: asyncio.TimerHandle | None = None
        self.reset()

    def reset(self) -> None:
        """Begin as after power-up."""
        self.diameter_mm = 14.5
        self.rates: dict[Direction, float] = {"I": 1.0, "W": 1.0}
        self.counted: dict[Direction, float] = {"I": 0.0, "W": 0.0}
        self.target: float | None = None
        self.direction: Direction = "I"
        self.flow = 0.0  # by the motor's own account, while it runs
        self.stalled = self.reached = False
        self._blocked_at: float | None = None  # since when it has not turned
        self._since = self._started = self._clock()
        self._pump.set_flow(0.0)
        self._cancel()

    @property
    def running(self) -> bool:
        """Return whether the motor turns."""
        return self.flow > 0

    @property
    def prompt(self) -> str:
        """Return the prompt of what it does."""
        if self.running:
            return ">" if self.direction == "I" else "<"
        if self.stalled:
            return "*"
        return "T*" if self.reached else ":"

    def elapsed_s(self) -> float:
        """Return how long it has been running."""
        return self._clock() - self._started if self.running else 0.0

    def limits(self) -> tuple[float, float]:
        """Return the slowest and fastest flow with this syringe."""
        area_cm2 = pi * (self.diameter_mm / 20.0) ** 2
        return SLOWEST_CM_MIN * area_cm2, FASTEST_CM_MIN * area_cm2

    def set_diameter(self, mm: float) -> None:
        """Tell the pump its syringe."""
        self._require_idle()
        if not DIAMETERS_MM[0] <= mm <= DIAMETERS_MM[1]:
            raise Refused("Out of range")
        self.diameter_mm = mm

    def set_rate(self, direction: Direction, ml_min: float) -> None:
        """Set a rate; it takes effect at once when the motor turns that way."""
        low, high = self.limits()
        if not low * 0.9999 <= ml_min <= high * 1.0001:  # digits of the printed limits
            raise Refused("Out of range")
        self.rates[direction] = ml_min
        if self.running and direction == self.direction:
            self._turn(ml_min)

    def set_target(self, ml: float | None) -> None:
        """Set or clear the volume to stop at, of the counter of the direction it runs in."""
        self._require_idle()
        self.target = ml
        self.reached = False

    def clear(self, which: str) -> None:
        """Clear counters: ``I``, ``W``, or both."""
        self._require_idle()
        for direction in self.counted:
            if direction in which:
                self.counted[direction] = 0.0
        self.reached = False

    def run(self, direction: Direction) -> None:
        """Start; at a target that is reached already it stops at once."""
        self._require_idle()
        self.direction, self.stalled, self.reached = direction, False, False
        self._started = self._since = self._clock()
        self._blocked_at = None
        self._turn(self.rates[direction])
        self._look_again()

    def stop(self) -> None:
        """Stop; this also puts off a stall and a target that was reached."""
        self._halt()
        self.stalled = self.reached = False

    def count(self) -> None:
        """Bring the counters up to now; notice a stall."""
        if not self.running:
            return
        self._add()
        if not self._pump.stalled():
            self._blocked_at = None
        elif self._blocked_at is None:
            self._blocked_at = self._clock()
        elif self._clock() - self._blocked_at >= LOST_S:
            self._halt()
            self.stalled = True
            self._tell()

    def _add(self) -> None:
        now = self._clock()
        self.counted[self.direction] += self.flow * (now - self._since) / 60.0
        self._since = now

    def _require_idle(self) -> None:
        if self.running:
            raise Refused("Pump is running")

    def _turn(self, ml_min: float) -> None:
        self.count()
        self.flow = ml_min
        sign = 1.0 if self.direction == "I" else -1.0
        self._pump.set_flow(sign * ml_min * self._syringe_factor())
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.target is not None:
            left = max(0.0, self.target - self.counted[self.direction])
            after_s = 60.0 * left / ml_min
            self._timer = asyncio.get_running_loop().call_later(after_s, self._reach)

    def _syringe_factor(self) -> float:
        """Return what the fitted syringe displaces per mL that the pump believes in."""
        if self._fitted_mm is None:
            return 1.0
        return (self._fitted_mm / self.diameter_mm) ** 2

    def _reach(self) -> None:
        self._timer = None
        self.count()
        if not self.stalled:
            self._halt()
            self.reached = True
            self._tell()

    def _halt(self) -> None:
        self._cancel()
        if self.running:
            self._add()
            self.flow = 0.0
            self._pump.set_flow(0.0)

    def _look_again(self) -> None:
        self._look = None
        self.count()
        if self.running:
            self._look = asyncio.get_running_loop().call_later(LOOK_S, self._look_again)

    def _cancel(self) -> None:
        for timer in (self._timer, self._look):
            if timer is not None:
                timer.cancel()
        self._timer = self._look = None
