"""Whether a temperature comes nearer to its setpoint: that of a bath without power does not.

Conditions are to blame only where the thermostat tries and its power does not suffice: it has come
nearer, and stands. One that has not, or that falls away again, fails whatever point is asked for.
"""

FOLLOWS_NOT = "thermostat does not follow"  # a decision
FAR_K = 5.0  # nearer, a slow approach cannot be told from none
STEP_K = 1.0  # nearer by less is noise, or the room
PATIENCE = 0.25  # of the time that heating may take: so long without a step is no approach
STALLED = (
    "{name} comes no nearer to {wanted:g} degC: it shows {now:.1f} degC, and was as near as"
    " {best:.1f} degC {ago:.0f} min ago"
)
LOOK_AT_IT = " (look whether it heats at all: power, fuse, over-temperature cut-out, level, pump)"


class Approach:
    """One heating or cooling; all times are loop time, s."""

    def __init__(self, wanted_degc: float, now: float, timeout_s: float) -> None:
        self._wanted, self._patience_s = wanted_degc, PATIENCE * timeout_s
        self._first: float | None = None
        self._last = self._best = self._step = wanted_degc
        self._step_at = now

    def look(self, degc: float, now: float) -> None:
        """Take the temperature as it is now."""
        self._last = degc
        if self._first is None:
            self._first = self._best = self._step = degc
            self._step_at = now
        elif self._off(degc) < self._off(self._best):
            self._best = degc
            if self._off(degc) <= self._off(self._step) - STEP_K:
                self._step, self._step_at = degc, now

    def stalled(self, now: float) -> bool:
        """Return whether it is far away, and has come no nearer for long."""
        return self._far and now - self._step_at > self._patience_s

    @property
    def follows(self) -> bool:
        """Return whether it has come nearer, and has stayed as near: it does what it can."""
        if self._first is None or not self._far:
            return True
        nearer_k = self._off(self._first) - self._off(self._best)
        return nearer_k >= STEP_K and self._off(self._last) - self._off(self._best) < STEP_K

    def told(self, name: str, now: float) -> str:
        """Return how it stands, one sentence."""
        ago_min = (now - self._step_at) / 60.0
        told = STALLED.format(
            name=name, wanted=self._wanted, now=self._last, best=self._best, ago=ago_min
        )
        return told if self.follows else told + LOOK_AT_IT

    @property
    def _far(self) -> bool:
        return self._off(self._last) > FAR_K

    def _off(self, degc: float) -> float:
        return abs(degc - self._wanted)
