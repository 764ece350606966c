"""Replies that come once more: the second must not answer the next request.

Theory of operation. Few replies say what they answer. When an instrument, a converter or a bridge
sends one again, it comes where the next reply is expected, and from there on every reply would be
taken for the next. So a frame that is, byte for byte, what lately answered another request is not
believed at once: if it is an old one, the true reply follows within the time that replies take on
this line, and that one is taken. When nothing follows it was the reply: two values are the same.

What it cannot tell: an old reply to the same request, and an old one whose successor is lost.
"""

from collections import deque

LATELY_S = 0.5  # a reply comes again sooner than that, or while nobody asks
SLACK_S = 0.01
REMEMBERED = 4  # replies
FADING = 0.9  # per exchange, of the longest time a reply has taken


class Repeats:
    """What was answered lately on one line; times are loop times, s."""

    def __init__(self) -> None:
        self._lately: deque[tuple[float, bytes, bytes]] = deque(maxlen=REMEMBERED)
        self._took_s = 0.0

    def answered(self, request: bytes, frame: bytes, took_s: float, now: float) -> None:
        """Note a reply, and how long it took to come."""
        self._took_s = max(took_s, FADING * self._took_s)
        self._lately.append((now, request, frame))

    def suspected(self, request: bytes, frame: bytes, now: float) -> bool:
        """Return whether this frame may be the reply to another request, come once more."""
        for at, other, reply in self._lately:
            if reply == frame and other != request and now - at < max(LATELY_S, 4 * self._took_s):
                return True
        return False

    def until(self, began: float) -> float:
        """Return when the true reply to a request would have come."""
        return began + 2 * self._took_s + SLACK_S
