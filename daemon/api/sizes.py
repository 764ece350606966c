"""What a broker takes: how large a message may be, as it has announced, or as it has shown.

A broker of MQTT 5 announces its largest packet. Others only close the connection on a message that
is too large, and would again and again, since it goes out after every connect: what was the largest
one on its way at two such ends is left out from then on, so that commands are heard.
"""

from collections.abc import Sequence

from daemon.api.outbox import Message

AROUND = 16  # bytes of a packet beside topic, content and correlation data, at most


def packet_bytes(message: Message) -> int:
    """Return how large a message is on the wire, at most."""
    topic = len(message.topic.encode())
    return AROUND + topic + len(message.payload) + len(message.correlation or b"")


class Sizes:
    """What one broker takes, in bytes; None where nothing is known."""

    def __init__(self) -> None:
        self.announced: int | None = None
        self._shown: int | None = None  # of a message that ended the connection
        self._suspect = ""

    def takes(self, message: Message) -> bool:
        """Return whether the broker takes a message, as far as is known."""
        size = packet_bytes(message)
        return (self.announced is None or size <= self.announced) and (
            self._shown is None or size < self._shown
        )

    def ended(self, flying: Sequence[Message], *, soon: bool) -> None:
        """Note what was on its way when a connection ended, ``soon`` after it was made."""
        largest = max(flying, key=packet_bytes, default=None)
        if largest is None:  # it ended otherwise: it may be another broker by now
            self._shown, self._suspect = None, ""
            return
        if soon and largest.topic == self._suspect:
            self._shown = packet_bytes(largest)
        self._suspect = largest.topic if soon else ""
