"""One channel of a peristaltic pump (Ismatec manual 14-036): rollers, modes, what it refuses.

The flow goes with the speed; how much a turn displaces is the tube's, by calibration. Clockwise
delivers, counter-clockwise draws back.
"""

import asyncio
from collections.abc import Callable

from simulators.ports import PumpPort

RPM, FLOW, VOLUME_AT_RATE, VOLUME_IN_TIME, TIME, PAUSE, TIME_PAUSE = MODES = "LMOGNQP"
MAX_RPM = 100.0


class Refused(Exception):  # an answer of the pump, not an error of ours
    """Not possible with these settings (``-``)."""


class Channel:
    """Rotor and settings; mL, mL/min, rpm, s."""

    def __init__(self, pump: PumpPort, max_flow_ml_min: float) -> None:
        self._pump, self.max_flow_ml_min = pump, max_flow_ml_min
        self.on_done: Callable[[], None] = lambda: None
        self._timer: asyncio.TimerHandle | None = None
        self.running = False
        self._default()

    def reset(self) -> None:
        """Stop, and go back to the settings of a new pump."""
        self.stop()
        self._default()

    def turn(self, direction: str) -> None:
        """Turn clockwise (J) or counter-clockwise (K) from now on."""
        self.direction = direction
        self._act()

    def set_flow(self, ml_min: float) -> None:
        """Set the flow; a running channel follows at once."""
        if self.running and not 0 < ml_min <= self.max_flow_ml_min:
            self._refuse("R", self.max_flow_ml_min)
        self.flow_ml_min = ml_min
        self._act()

    def set_speed(self, rpm: float) -> None:
        """Set the speed."""
        if rpm > MAX_RPM:
            self._refuse("R", MAX_RPM)
        self.speed_rpm = rpm
        self._act()

    def start(self) -> None:
        """Run as the mode says, or refuse."""
        flow, seconds = self._plan()
        if not 0 < flow <= self.max_flow_ml_min:
            self._refuse("R", self.max_flow_ml_min)
        if seconds == 0:
            self._refuse("V", self.volume_ml)
        self.running = True
        self._act()
        if seconds is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._finish)

    def stop(self) -> None:
        """Stop the rotor."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.running = False
        self._act()

    def _default(self) -> None:
        self.mode, self.direction, self.why_refused = RPM, "J", ""
        self.speed_rpm = self.flow_ml_min = self.volume_ml = self.run_s = 0.0

    def _plan(self) -> tuple[float, float | None]:
        """Return the flow of this mode, and after how many seconds it ends by itself."""
        by_speed = self.max_flow_ml_min * self.speed_rpm / MAX_RPM
        if self.mode == RPM:
            return by_speed, None
        if self.mode == FLOW:
            return self.flow_ml_min, None
        if self.mode == VOLUME_AT_RATE:
            flow = self.flow_ml_min
            return flow, 60.0 * self.volume_ml / flow if flow else 0.0
        if self.mode == VOLUME_IN_TIME:
            return 60.0 * self.volume_ml / self.run_s if self.run_s else 0.0, self.run_s
        if self.mode == TIME:
            return by_speed, self.run_s
        self._refuse("C", 0.0)  # pausing programs are not simulated
        raise AssertionError

    def _refuse(self, letter: str, limit: float) -> None:
        self.why_refused = f"{letter}|{limit:g}"
        raise Refused

    def _finish(self) -> None:
        self.stop()
        self.on_done()

    def _act(self) -> None:
        flow = self._plan()[0] if self.running else 0.0
        self._pump.set_flow(flow if self.direction == "J" else -flow)
