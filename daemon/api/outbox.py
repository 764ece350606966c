"""What waits to be published: bounded, and what does not fit is counted.

Retained topics hold one message each, the newest; they are published again after every connect.
Events and replies wait in order while the broker is away; when there are too many the oldest goes.
Scans are worth nothing later: they are only sent while connected.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

Lane = Literal["retained", "event", "reply", "scan"]
MAX_WAITING = 2_000


@dataclass(frozen=True, slots=True)
class Message:
    """One message for the broker."""

    topic: str
    payload: bytes
    lane: Lane
    qos: int = 1
    correlation: bytes | None = None

    @property
    def retain(self) -> bool:
        """Return whether the broker keeps it for later subscribers."""
        return self.lane == "retained"


def _nobody_sends() -> None:
    """Nobody is connected."""


class Outbox:
    """The messages on their way out; ``on_more`` is called when there is something to send."""

    def __init__(self, limit: int = MAX_WAITING) -> None:
        self.connected = False
        self.dropped: Counter[str] = Counter()
        self._limit = limit
        self._kept: dict[str, Message] = {}
        self._due: dict[str, None] = {}  # retained topics to publish, in order
        self._waiting: deque[Message] = deque()
        self.on_more: Callable[[], None] = _nobody_sends

    def __len__(self) -> int:
        return len(self._due) + len(self._waiting)

    def put(self, message: Message) -> None:
        """Take a message to publish as soon as may be."""
        if message.lane == "retained":
            self._kept[message.topic] = message
            self._due[message.topic] = None
        elif message.lane == "scan" and (not self.connected or self._full()):
            self.dropped["scan"] += 1
            return
        else:
            self._waiting.append(message)
            self._trim()
        self.on_more()

    def birth(self) -> None:
        """Publish everything retained once more: the broker may have forgotten it."""
        self._due = dict.fromkeys(self._kept)
        self.on_more()

    def give_back(self, messages: Iterable[Message]) -> None:
        """Put messages back that were not acknowledged, in front and in order."""
        events = [m for m in messages if m.lane in ("event", "reply")]
        self._waiting.extendleft(reversed(events))
        self._trim()
        self.on_more()

    def take(self) -> Message:
        """Return the next message and forget it; raise LookupError when there is none."""
        if self._due:
            topic = next(iter(self._due))
            del self._due[topic]
            return self._kept[topic]
        return self._waiting.popleft()

    def _full(self) -> bool:
        return len(self._waiting) >= self._limit

    def _trim(self) -> None:
        while len(self._waiting) > self._limit:
            scan = next((i for i, m in enumerate(self._waiting) if m.lane == "scan"), 0)
            self.dropped[self._waiting[scan].lane] += 1
            del self._waiting[scan]
