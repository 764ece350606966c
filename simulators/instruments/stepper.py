"""The motor of a New Era syringe pump: rate, direction, target volume, counters (manual 1200-01).

The pump knows the diameter it was told; what it really displaces goes with the syringe that is
fitted. Its counters count motor steps, so a stalled motor is found out only when it is looked at.
"""

import asyncio
from math import pi

from simulators.ports import Clock, PumpPort

RATE_UNITS = {"UM": 1e-3, "MM": 1.0, "UH": 1e-3 / 60.0, "MH": 1.0 / 60.0}  # mL/min
VOLUME_UNITS = {"UL": 1e-3, "ML": 1.0}  # mL
DIAMETERS_MM = (0.1, 50.0)
SMALL_MM = 14.0  # up to here volumes are in µL by default
MAX_SPEED_CM_MIN = 5.1005  # of the plunger
MIN_SPEED_CM_MIN = 0.004205 / 60.0
_DIGITS, _DECIMALS = 4, 3


class NotApplicable(Exception):  # an answer of the pump, not an error of ours
    """Not possible now (``?NA``)."""


class OutOfRange(Exception):  # an answer of the pump, not an error of ours
    """The value is out of range (``?OOR``)."""


def number(text: str) -> float:
    """Return a number as the pump takes it: at most four digits and three decimals."""
    whole, _, decimals = text.partition(".")
    digits = len(whole) + len(decimals)
    if not 1 <= digits <= _DIGITS or len(decimals) > _DECIMALS:
        raise OutOfRange
    return float(text)


def written(value: float) -> str:
    """Return a number as the pump shows it: four digits, and a trailing point for integers."""
    if value >= 1000 or (value >= 100 and round(value, 1).is_integer()):  # digits
        return f"{value:.0f}."
    for decimals, bound in ((3, 9.9995), (2, 99.995)):
        if value < bound:
            return f"{value:.{decimals}f}"
    return f"{value:.1f}"


class Stepper:
    """The drive; volumes mL and flows mL/min inside."""

    def __init__(self, pump: PumpPort, clock: Clock, *, fitted_mm: float | None) -> None:
        self._pump, self._clock = pump, clock
        self._fitted_mm = fitted_mm
        self._timer: asyncio.TimerHandle | None = None
        self._since = clock()
        self._flow = 0.0  # mL/min the motor makes, by its own account
        self.memory_writes = 0
        self.reset()

    def reset(self) -> None:
        """Wipe program and settings."""
        self._halt("S")
        self.diameter_mm = 20.0
        self.volume_unit = "ML"
        self.rate, self.rate_unit = 0.0, "MH"
        self.direction = "INF"
        self.target = 0.0  # in volume_unit; 0: continuous
        self._counted = {"INF": 0.0, "WDR": 0.0}
        self._left_ml: float | None = None  # of the target, while running or paused
        self.status = "S"

    @property
    def moving(self) -> bool:
        """Return whether the motor turns."""
        return self.status in ("I", "W", "X")

    def dispensed(self) -> tuple[float, float]:
        """Return what the pump counts as infused and withdrawn, in its volume unit."""
        self._count()
        unit = VOLUME_UNITS[self.volume_unit]
        return self._counted["INF"] / unit, self._counted["WDR"] / unit

    def set_diameter(self, mm: float) -> None:
        """Tell the pump its syringe; sets the default volume unit."""
        if self.status != "S":
            raise NotApplicable
        if not DIAMETERS_MM[0] <= mm <= DIAMETERS_MM[1]:
            raise OutOfRange
        self.diameter_mm = mm
        self.volume_unit = "UL" if mm <= SMALL_MM else "ML"
        self.memory_writes += 1

    def set_rate(self, value: float, unit: str | None) -> None:
        """Set the rate; its unit may not change while the motor turns."""
        if self.moving and unit is not None and unit != self.rate_unit:
            raise NotApplicable
        unit = unit or self.rate_unit
        flow = value * RATE_UNITS[unit]
        low, high = self.range_ml_min()
        if flow > high or (flow < low and (flow > 0 or self.moving)):
            raise OutOfRange
        self.rate, self.rate_unit = value, unit
        if self.moving:
            self._turn(flow)
        else:
            self.memory_writes += 1

    def range_ml_min(self) -> tuple[float, float]:
        """Return the slowest and fastest flow of this syringe."""
        area_cm2 = pi * (self.diameter_mm / 10.0) ** 2 / 4.0
        return MIN_SPEED_CM_MIN * area_cm2, MAX_SPEED_CM_MIN * area_cm2

    def set_direction(self, which: str) -> None:
        """Set or reverse the direction; only while the motor stands."""
        if self.moving:
            raise NotApplicable
        if which == "REV":
            which = "WDR" if self.direction == "INF" else "INF"
        self.direction = which
        self.memory_writes += 1

    def set_target(self, value: float) -> None:
        """Set the volume to stop after; 0 runs on."""
        if self.moving:
            raise NotApplicable
        self.target = value
        self._left_ml = None
        self.memory_writes += 1

    def set_volume_unit(self, unit: str) -> None:
        """Set the unit of volumes."""
        if self.moving:
            raise NotApplicable
        self.volume_unit = unit
        self.memory_writes += 1

    def clear(self, which: str) -> None:
        """Clear one counter."""
        if self.moving:
            raise NotApplicable
        self._counted[which] = 0.0

    def run(self) -> None:
        """Start, or go on after a pause."""
        flow = self.rate * RATE_UNITS[self.rate_unit]
        if self.moving or flow <= 0:
            raise NotApplicable
        if self.status != "P" or self._left_ml is None:
            goal = self.target * VOLUME_UNITS[self.volume_unit]
            self._left_ml = goal if goal > 0 else None
        self.status = "I" if self.direction == "INF" else "W"
        self._turn(flow)

    def purge(self) -> None:
        """Run at top speed until stopped."""
        if self.moving:
            raise NotApplicable
        self.status = "X"
        self._left_ml = None
        self._turn(self.range_ml_min()[1])

    def stop(self, *, pause: bool) -> None:
        """Stop the motor; a pause can be gone on from."""
        self._halt("P" if pause and self.status != "X" else "S")

    def check_stall(self) -> bool:
        """Stop and return True when the motor is found stalled."""
        if not self.moving or not self._pump.stalled():
            return False
        self._halt("S")
        return True

    def _turn(self, flow_ml_min: float) -> None:
        self._count()
        self._flow = flow_ml_min
        sign = 1.0 if self.direction == "INF" else -1.0
        self._pump.set_flow(sign * flow_ml_min * self._syringe_factor())
        self._cancel_timer()
        if self._left_ml is not None:
            after_s = 60.0 * self._left_ml / flow_ml_min
            self._timer = asyncio.get_running_loop().call_later(after_s, self._reach_target)

    def _syringe_factor(self) -> float:
        """Return what the fitted syringe displaces per mL that the pump believes in."""
        if self._fitted_mm is None:
            return 1.0
        return (self._fitted_mm / self.diameter_mm) ** 2

    def _reach_target(self) -> None:
        self._timer = None
        self._halt("S")

    def _halt(self, status: str) -> None:
        self._cancel_timer()
        if self._flow:
            self._count()
            self._flow = 0.0
            self._pump.set_flow(0.0)
        self.status = status
        if status == "S":
            self._left_ml = None

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _count(self) -> None:
        """Bring the counters up to now."""
        now = self._clock()
        moved = self._flow * (now - self._since) / 60.0
        self._since = now
        if moved:
            self._counted[self.direction] += moved
            if self._left_ml is not None:
                self._left_ml = max(0.0, self._left_ml - moved)
