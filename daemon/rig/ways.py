"""Pumps behind a valve: which positions are open to each, and to which feed (``feeds.valve``).

The valve may sit behind the pump, or in front of it: then it chooses what the pump draws, and
several feeds share the pump.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from daemon.settings.models import Settings


@dataclass(frozen=True, slots=True)
class Way:
    """The valve that a feed passes, and the position that lets it."""

    valve: str
    position: int

    @property
    def signal(self) -> str:
        """Return the signal that tells whether the way is open."""
        return f"{self.valve}.position"


@dataclass(frozen=True, slots=True)
class Gate:
    """The valve that a pump's feeds pass, and its position for each of them."""

    valve: str
    feeds: Mapping[int, str]  # by position

    @property
    def signal(self) -> str:
        """Return the signal that tells which feed the pump has."""
        return f"{self.valve}.position"

    @property
    def open_at(self) -> str:
        """Return the positions that let something through, for a sentence."""
        return " or ".join(map(str, self.feeds))


def ways(settings: Settings) -> Mapping[str, Way]:
    """Return the way of each feed behind a valve."""
    return {
        feed.name: Way(feed.valve, feed.position)
        for feed in settings.feeds
        if feed.valve is not None and feed.position is not None
    }


def gates(settings: Settings) -> Mapping[str, Gate]:
    """Return the gate of each pump with feeds behind a valve."""
    found: dict[str, Gate] = {}
    for feed in settings.feeds:
        if feed.valve is not None and feed.position is not None:
            others = found[feed.pump].feeds if feed.pump in found else {}
            found[feed.pump] = Gate(feed.valve, {**others, feed.position: feed.name})
    return found
