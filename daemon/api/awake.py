"""How long a message may have lain in the daemon's own socket, while it stood still."""

from dataclasses import dataclass

BEAT_S = 1.0  # beats are so far apart; a late one is a daemon that stood still
READ_S = 2.0  # what came meanwhile is read within this time


@dataclass
class Awake:
    """The last beat (loop time, s), and how long the last standstill was; it counts for a while."""

    last: float
    _stood_s: float = 0.0
    _counts_until: float = 0.0

    def beat(self, now: float) -> None:
        """Note that the daemon is at work; told about once a second."""
        stood_s, self.last = now - self.last - BEAT_S, now
        if stood_s > BEAT_S:
            self._stood_s, self._counts_until = stood_s, now + READ_S

    def unheard_s(self, now: float) -> float:
        """Return how old a message that is read now may be."""
        before = self._stood_s if now < self._counts_until else 0.0
        return max(0.0, before, now - self.last - BEAT_S)
