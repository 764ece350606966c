"""A line as its members share it: opened by whoever needs it, closed when nobody is heard on it."""

import asyncio
from typing import Any

from daemon.rig.parts import LinesPort


class SharedLine:
    """One bus or MQTT link and the instruments on it.

    A line is closed, to be opened afresh, only after every member has failed on it since it was
    last opened: a dead member must not cut off the others, and a TCP connection whose far end
    has vanished without a word must not be kept for ever.
    """

    def __init__(self, lines: LinesPort) -> None:
        self._lines = lines
        self.members: set[str] = set()
        self._failed: set[str] = set()
        self._heard: set[str] = set()
        self._closing = asyncio.Lock()

    async def open(self, member: str) -> None:
        """Open the line if it is not open; raise LinkLost when that fails."""
        async with self._closing:
            await self._lines.open(member)

    def heard(self, member: str) -> None:
        """Note that a member answers."""
        self._failed.discard(member)
        self._heard.add(member)

    def busy_beside(self, member: str) -> bool:
        """Return whether another member is heard on the line."""
        return bool(self._heard - {member})

    async def failed(self, member: str) -> None:
        """Note that a member does not answer; close the line when none does."""
        self._failed.add(member)
        self._heard.discard(member)
        if self._failed >= self.members:
            self._failed.clear()
            async with self._closing:
                await _close(self._lines.link(member))


async def _close(link: Any) -> None:
    """Close a bus; a link to an MQTT broker looks after itself, and others may be on it."""
    if not hasattr(link, "subscribe"):
        await link.close()


def shared_lines(lines: LinesPort, names: list[str]) -> dict[str, SharedLine]:
    """Return the line of each instrument; instruments on one link share one."""
    by_link: dict[int, SharedLine] = {}
    found: dict[str, SharedLine] = {}
    for name in names:
        line = by_link.setdefault(id(lines.link(name)), SharedLine(lines))
        line.members.add(name)
        found[name] = line
    return found
