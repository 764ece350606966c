"""Pumps that deliver through a valve: which position is open to each (``feeds.valve``)."""

from collections.abc import Mapping
from dataclasses import dataclass

from daemon.settings.models import Settings


@dataclass(frozen=True, slots=True)
class Way:
    """The valve that a pump delivers through, and the position that lets it."""

    valve: str
    position: int

    @property
    def signal(self) -> str:
        """Return the signal that tells whether the way is open."""
        return f"{self.valve}.position"


def ways(settings: Settings) -> Mapping[str, Way]:
    """Return the way of each pump whose feed hangs behind a valve."""
    return {
        feed.pump: Way(feed.valve, feed.position)
        for feed in settings.feeds
        if feed.valve is not None and feed.position is not None
    }
