"""The last minutes of all channels, kept in memory so that a trip can be explained."""

from collections import deque
from collections.abc import Sequence

from drivers.signal import Reading, Value

Channel = list[tuple[float, Value | None, str]]  # loop time (s), value, reason when bad


class History:
    """Groups of readings of the last ``keep_s`` seconds, and no more than ``most`` groups."""

    def __init__(self, keep_s: float = 300.0, most: int = 20_000) -> None:
        self._keep_s = keep_s
        self._groups: deque[Sequence[Reading]] = deque(maxlen=most)

    def add(self, group: Sequence[Reading]) -> None:
        """Keep a group; forget those older than the window before it."""
        if not group:
            return
        self._groups.append(group)
        oldest = group[-1].t - self._keep_s
        while self._groups[0][-1].t < oldest:
            self._groups.popleft()

    def channels(self) -> dict[str, Channel]:
        """Return what is kept, by signal, in order of time (JSON-ready)."""
        channels: dict[str, Channel] = {}
        for group in self._groups:
            for reading in group:
                entry = (reading.t, reading.value, reading.reason)
                channels.setdefault(reading.signal, []).append(entry)
        return channels
