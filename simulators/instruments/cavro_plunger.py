"""The plunger of a Cavro pump: increments, half-steps/s, and what it displaces.

XP 3000 manual: a full stroke is 3000 increments (XLP: 6000), speeds are in half-steps, two to an
increment. Ramps are not modelled: a move is at top speed from its beginning to its end.
"""

from simulators.ports import Clock, PumpPort

HALF_STEPS = 2
NEARLY = 0.01  # of the stroke: so near to its goal the plunger may come to rest


class Plunger:
    """Position in coarse increments from the top (empty), whether anybody knows it or not."""

    def __init__(self, pump: PumpPort, clock: Clock, stroke: int, volume_ml: float) -> None:
        self._pump, self._clock = pump, clock
        self.stroke = stroke
        self._ml = volume_ml / stroke  # of an increment
        self._at = float(stroke)  # the syringe is full when the plant begins
        self._since = clock()
        self._goal = self._at
        self._speed = 0.0  # increments/s, negative when it dispenses
        self._connected = False

    @property
    def moving(self) -> bool:
        """Return whether it moves."""
        return self._speed != 0.0

    @property
    def position(self) -> float:
        """Return where it is now."""
        if not self.moving:
            return self._at
        gone = self._at + self._speed * (self._clock() - self._since)
        return max(gone, self._goal) if self._speed < 0 else min(gone, self._goal)

    def begin(self, goal: float, half_steps_s: float, *, connected: bool) -> float:
        """Begin to move; return how long it will take. Connected: to what the plant knows."""
        self.halt()
        self._goal, self._connected = goal, connected
        if goal == self._at:
            return 0.0
        sign = 1.0 if goal > self._at else -1.0
        self._run(sign * half_steps_s / HALF_STEPS)
        return self._rest()

    def change_speed(self, half_steps_s: float) -> float:
        """Change the speed of the move under way; return how long it will take from now."""
        sign = 1.0 if self._speed > 0 else -1.0
        self._stay()
        self._run(sign * half_steps_s / HALF_STEPS)
        return self._rest()

    def arrive(self) -> None:
        """End the move at its goal."""
        if self.moving:
            self._at, self._speed = self._goal, 0.0
            self._pump.set_flow(0.0)

    def halt(self) -> None:
        """Stop where it is."""
        if self.moving:
            self._stay()
            self._speed = 0.0
            self._pump.set_flow(0.0)

    def blocked(self) -> bool:
        """Return whether it should move and does not."""
        far = abs(self._goal - self.position) > NEARLY * self.stroke
        return self.moving and self._connected and far and self._pump.stalled()

    def _run(self, speed: float) -> None:
        self._speed, self._since = speed, self._clock()
        flow = -speed * 60.0 * self._ml if self._connected else 0.0
        self._pump.set_flow(flow)

    def _rest(self) -> float:
        return (self._goal - self._at) / self._speed

    def _stay(self) -> None:
        """Be where it is, on a half-step."""
        self._at = round(self.position * HALF_STEPS) / HALF_STEPS
        self._since = self._clock()
