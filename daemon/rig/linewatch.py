"""Watches the lines: how busy each is, and whether it is asked for more than it can carry.

Figures are of the last minute, or so much of it as there has been; counts are since the start. A
line on which somebody holds the wire nearly all the time, and signals come late, raises an alarm
that names them: interlocks on late signals act late.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeGuard

import structlog

from daemon.rig.punctuality import Lateness, Punctuality
from daemon.safety.alarms import Alarms
from drivers.load import Counters

log = structlog.get_logger(__name__)

WINDOW_S = 60.0
LOOK_S = 5.0
SETTLED_S = 20.0  # a shorter look at a line is no reason for an alarm
FULL, EASED = 0.9, 0.8  # busy share at which an alarm is raised, and cleared
LATE_POLLS = 3  # of one signal in the last minute

JsonObject = dict[str, Any]


class CountedLink(Protocol):
    """A bus as it is looked at here."""

    port: str
    counters: Counters

    @property
    def state(self) -> str:
        """Return ``open``, ``lost`` or ``closed``."""
        ...


def is_counted(link: Any) -> TypeGuard[CountedLink]:
    """Return whether this is a bus (an MQTT link has no turns to count)."""
    return hasattr(link, "counters")


class Line:
    """One line, its members, and what was seen of it."""

    def __init__(self, link: CountedLink) -> None:
        self.link = link
        self.members: dict[str, Punctuality] = {}
        self._seen: deque[tuple[float, Counters]] = deque()
        self.utilisation = self.exchanges_per_s = self.over_s = 0.0

    def look(self, now: float) -> None:
        """Take the counts of now, and measure against the oldest of the window."""
        self._seen.append((now, self.link.counters.copy()))
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW_S:
            self._seen.popleft()
        (then, old), (_, new) = self._seen[0], self._seen[-1]
        self.over_s = now - then
        if self.over_s > 0:
            self.utilisation = min(1.0, (new.busy_s - old.busy_s) / self.over_s)
            self.exchanges_per_s = (new.exchanges - old.exchanges) / self.over_s

    def late(self, now: float) -> dict[str, Lateness]:
        """Return the signals that were late in the last minute, by full name."""
        return {
            f"{name}.{signal}": lateness
            for name, punctuality in self.members.items()
            for signal, lateness in punctuality.lately(now).items()
        }

    def document(self, now: float) -> JsonObject:
        """Return the line as in the state message, JSON-ready."""
        counters = self.link.counters
        return {
            "instruments": list(self.members),
            "state": self.link.state,
            "utilisation": round(self.utilisation, 3),
            "exchanges_per_s": round(self.exchanges_per_s, 2),
            "timeouts": counters.timeouts,
            "garbled": counters.garbled,
            "stray": counters.stray,
            "late_polls": sum(p.late for p in self.members.values()),
            "missed_polls": sum(p.missed for p in self.members.values()),
            "late": {
                signal: {
                    "late": lateness.late,
                    "missed": lateness.missed,
                    "worst_s": round(lateness.worst_s, 3),
                }
                for signal, lateness in self.late(now).items()
            },
        }


class LineWatch:
    """All lines of a rig; :meth:`run` looks at them until cancelled."""

    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms
        self._lines: dict[str, Line] = {}
        self._documents: dict[str, JsonObject] = {}
        self.tell: Callable[[Mapping[str, JsonObject]], None] = lambda _documents: None

    def add(self, instrument: str, link: Any, punctuality: Punctuality) -> None:
        """Watch the line of an instrument."""
        if is_counted(link):
            line = self._lines.setdefault(link.port, Line(link))
            line.members[instrument] = punctuality

    def documents(self) -> Mapping[str, JsonObject]:
        """Return each line by port as it was last seen, JSON-ready."""
        return self._documents

    async def run(self) -> None:
        """Look every few seconds."""
        while True:
            self.look(asyncio.get_running_loop().time())
            await asyncio.sleep(LOOK_S)

    def look(self, now: float) -> None:
        """Look at every line now."""
        for line in self._lines.values():
            line.look(now)
            self._judge(line, now)
        self._documents = {port: line.document(now) for port, line in self._lines.items()}
        self.tell(self._documents)

    def _judge(self, line: Line, now: float) -> None:
        """Raise or clear the alarm of a line that is asked for too much."""
        port = line.link.port
        late = {s: found for s, found in line.late(now).items() if found.polls >= LATE_POLLS}
        if line.utilisation < EASED or not late:
            self._alarms.returned(f"{port} overload")
        elif line.utilisation >= FULL and line.over_s >= SETTLED_S:
            self._raise(port, line, late)

    def _raise(self, port: str, line: Line, late: Mapping[str, Lateness]) -> None:
        alarm = f"{port} overload"
        if any(held.id == alarm and held.standing for held in self._alarms.all()):
            return
        said = ", ".join(
            f"{signal} ({found.polls} polls, up to {found.worst_s:.1f} s)"
            for signal, found in sorted(late.items(), key=lambda item: -item[1].worst_s)
        )
        text = (
            f"{port} is asked for more than it can carry ({line.utilisation:.0%} busy);"
            f" late: {said}; poll less often, or give an instrument a line of its own"
        )
        self._alarms.raise_(alarm, text, latching=False)
        log.warning(
            "line.overloaded", port=port, utilisation=round(line.utilisation, 3), late=sorted(late)
        )
