"""The state of one connection: connected, doubtful, reconnecting, failed; pure, with two limits.

An outage lasts until the instrument has answered a poll: one that says who it is and then nothing
is still the same outage, and is told once.
"""

from dataclasses import dataclass, field
from typing import Literal

State = Literal["connected", "doubtful", "reconnecting", "failed"]

DOUBTFUL_S = 3.0  # silence this long and the instrument counts as down
FAILED_S = 60.0  # down this long and it counts as failed; reconnecting goes on all the same


@dataclass(slots=True)
class Connection:
    """One instrument's connection; the changes return whether to tell people."""

    state: State = "reconnecting"
    message: str = "not connected yet"
    since: float = 0.0  # loop time of the last change, s
    identity: str = ""
    outages: int = 0
    announced: bool = False  # whether the present outage has been told
    given_up: bool = False  # whether it has been told that the present outage is a long one
    proven: bool = False  # whether it has answered a poll since it was connected
    down_since: float = field(init=False)  # when the present outage began

    def __post_init__(self) -> None:
        self.down_since = self.since

    @property
    def up(self) -> bool:
        """Return whether commands may be sent."""
        return self.state in ("connected", "doubtful")

    def connected(self, identity: str, now: float) -> None:
        """Note that the right instrument answered and is prepared."""
        self._enter("connected", identity, now)
        self.identity = identity

    def heard(self, now: float) -> bool:
        """Note an answer: doubt is over, and an outage too; return whether to tell its end."""
        if self.state == "doubtful":
            self._enter("connected", self.identity, now)
        told, self.proven = not self.proven, True
        self.announced = self.given_up = False
        return told

    def silence(self, message: str, now: float) -> bool:
        """Note a failed exchange while up; return whether it has lasted too long."""
        if self.state == "connected":
            self._enter("doubtful", message, now)
        return now - self.since >= DOUBTFUL_S

    def lost(self, message: str, now: float) -> bool:
        """Note that the instrument is down; return whether to tell."""
        if self.proven:
            self.outages += 1
            self.down_since = now
        self.proven = False
        self._enter("failed" if self.given_up else "reconnecting", message, now)
        return self.refused(message, now)

    def refused(self, message: str, now: float) -> bool:
        """Note a failed attempt to connect; return whether to tell (an outage is told once)."""
        self.message = message
        if self.state == "reconnecting" and now - self.down_since >= FAILED_S:
            return self.failed(message, now)
        told, self.announced = self.announced, True
        return not told

    def failed(self, message: str, now: float) -> bool:
        """Note that a person must look (wrong instrument, or down for too long)."""
        changed = self.state != "failed" or self.message != message
        if changed:
            self._enter("failed", message, now)
        self.announced = self.given_up = True
        return changed

    def _enter(self, state: State, message: str, now: float) -> None:
        if state != self.state:
            self.since = now
        self.state, self.message = state, message
