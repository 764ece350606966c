"""The state of one connection: connected, doubtful, reconnecting, failed; pure, with two limits."""

from dataclasses import dataclass
from typing import Literal

State = Literal["connected", "doubtful", "reconnecting", "failed"]

DOUBTFUL_S = 3.0  # silence this long and the instrument counts as down
FAILED_S = 60.0  # down this long and it counts as failed; reconnecting goes on all the same


@dataclass(slots=True)
class Connection:
    """One instrument's connection; ``refused`` and ``failed`` return whether to tell people."""

    state: State = "reconnecting"
    message: str = "not connected yet"
    since: float = 0.0  # loop time of the last change, s
    identity: str = ""
    outages: int = 0
    announced: bool = False  # whether the present outage has been told

    @property
    def up(self) -> bool:
        """Return whether commands may be sent."""
        return self.state in ("connected", "doubtful")

    def connected(self, identity: str, now: float) -> None:
        """Note that the right instrument answered and is prepared."""
        self._enter("connected", identity, now)
        self.identity, self.announced = identity, False

    def heard(self, now: float) -> None:
        """Note an answer: doubt is over."""
        if self.state == "doubtful":
            self._enter("connected", self.identity, now)

    def silence(self, message: str, now: float) -> bool:
        """Note a failed exchange while up; return whether the instrument is down now."""
        if self.state == "connected":
            self._enter("doubtful", message, now)
        if now - self.since < DOUBTFUL_S:
            return False
        self.lost(message, now)
        return True

    def lost(self, message: str, now: float) -> None:
        """Note that the instrument is down."""
        self.outages += 1
        self._enter("reconnecting", message, now)

    def refused(self, message: str, now: float) -> bool:
        """Note a failed attempt to connect; return whether to tell (an outage is told once)."""
        self.message = message
        if self.state == "reconnecting" and now - self.since >= FAILED_S:
            return self.failed(message, now)
        told, self.announced = self.announced, True
        return not told

    def failed(self, message: str, now: float) -> bool:
        """Note that a person must look (wrong instrument, or down for too long)."""
        changed = self.state != "failed" or self.message != message
        if changed:
            self._enter("failed", message, now)
        self.announced = True
        return changed

    def _enter(self, state: State, message: str, now: float) -> None:
        if state != self.state:
            self.since = now
        self.state, self.message = state, message
