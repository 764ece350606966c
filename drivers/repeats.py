"""Replies that come once more: the second must not answer the next request.

Theory of operation. Few replies say what they answer. When an instrument, a converter or a bridge
sends one again, it comes where the next reply is expected, and from there on every reply would be
taken for the next. So a frame that is, byte for byte, what lately answered another request is not
believed at once: if it is an old one, the true reply follows within the time that replies take on
this line, and that one is taken. When nothing follows it was the reply: two values are the same.

What it cannot tell: an old reply to the same request, and an old one whose successor is lost.
"""

from math import inf

LATELY_S = 0.5  # a reply comes again sooner than that, or while nobody asks
SLACK_S = 0.01
REMEMBERED = 16  # different replies
FADING = 0.9  # per exchange, of the longest time a reply has taken


class Answered:
    """What one frame has answered: a request, and before it another; times are loop times, s."""

    __slots__ = ("at", "other_at", "request")

    def __init__(self, request: bytes) -> None:
        self.request, self.at = request, -inf
        self.other_at = -inf  # when it last answered another request than that


class Repeats:
    """What was answered lately on one line; times are loop times, s."""

    __slots__ = ("_lately", "_took_s")

    def __init__(self) -> None:
        self._lately: dict[bytes, Answered] = {}  # by frame
        self._took_s = 0.0

    def answered(self, request: bytes, frame: bytes, took_s: float, now: float) -> None:
        """Note a reply, and how long it took to come."""
        faded_s = FADING * self._took_s
        self._took_s = faded_s
        if took_s > faded_s:
            self._took_s = took_s
        known = self._lately.get(frame)
        if known is None:
            known = self._new(request, frame)
        elif known.request != request:
            known.request, known.other_at = request, known.at
        known.at = now

    def _new(self, request: bytes, frame: bytes) -> Answered:
        """Begin with a frame; the one not heard for longest is forgotten for it."""
        lately = self._lately
        if len(lately) >= REMEMBERED:
            del lately[min(lately, key=lambda other: lately[other].at)]
        lately[frame] = known = Answered(request)
        return known

    def suspected(self, request: bytes, frame: bytes, now: float) -> bool:
        """Return whether this frame may be the reply to another request, come once more."""
        known = self._lately.get(frame)
        if known is None:
            return False
        at = known.at if known.request != request else known.other_at
        return now - at < LATELY_S or now - at < 4 * self._took_s

    def until(self, began: float) -> float:
        """Return when the true reply to a request would have come."""
        return began + 2 * self._took_s + SLACK_S
