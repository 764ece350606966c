"""The fence: which of its replies are owed, and whether replies to earlier requests may still come.

Theory of operation. Instruments answer in order, so a reply to a fence that was sent after a failed
request proves that request's reply past. But a fence may itself be answered late, or never, and
its replies look alike. So the owed ones are kept apart: those sent before the last failed request,
and those sent since. A reply is put down to the oldest, and doubt ends with the first that cannot
be from before. A lost reply costs one more question later, and locks nobody out.

What is ``LATE_S`` old counts as lost: an owed reply, and also the doubt of an instrument that has
never answered its fence. One that has is asked until it does again: the end of a late reply to a
fence, cut off by a bad line, may look like anything. This holds for instruments that answer a
request once at most.

So an instrument that stops answering its fence, and goes on answering its questions, stays away.
Waiting for a line that is quiet would let it back in, and is not done: the fence is the question
who it is, or is asked with it, and what does not say any more who it is may be another instrument,
or one whose settings are gone. It is stopped and driven safe all the same: what acts towards safety
goes out without proof, and is repeated (``tests/contract/test_mute_fences.py``).
"""

from collections import deque
from math import nan

LATE_S = 10.0  # no reply comes later than this after its request
AT_ONCE_S = 0.001


class StillInDoubt(Exception):
    """Doubt came up while a request waited for its turn; nothing was sent."""


class Fence:
    """The state of one instrument's fence; times are loop times, s."""

    def __init__(self) -> None:
        self.in_doubt = False  # a reply to an earlier request may still come
        self._doubted_at = 0.0
        self._answered_at = nan
        self._known = False  # the instrument has answered its fence before
        self._before: deque[float] = deque()  # when owed fences were sent, up to the last doubt
        self._since: deque[float] = deque()

    @property
    def owed(self) -> int:
        """Return how many replies to fences may still come."""
        return len(self._before) + len(self._since)

    def doubt(self, now: float) -> None:
        """Note that the reply to a request other than the fence may still come."""
        self._before += self._since
        self._since.clear()
        self.in_doubt, self._doubted_at = True, now

    def sent(self, now: float) -> None:
        """Note that a fence goes on the wire; forget those that count as lost."""
        for owed in (self._before, self._since):
            while owed and owed[0] <= now - LATE_S:
                owed.popleft()
        self._since.append(now)

    def answered(self, now: float = nan) -> None:
        """Note a reply to a fence, whichever; one that nobody is owed proves nothing.

        Of several that come at once one is counted: they may be the same, sent twice. An instrument
        that answers faster than that is counted again as soon as the time is over.
        """
        if now - self._answered_at < AT_ONCE_S:
            return
        self._answered_at = now
        if self._before:
            self._before.popleft()
            self._known = True
        elif self._since:
            self._since.popleft()
            self.in_doubt, self._known = False, True

    def passed(self) -> None:
        """Note the reply to the newest fence, where replies tell: all earlier ones are past."""
        self._before.clear()
        self._since.clear()
        self.in_doubt, self._known = False, True

    def unanswered(self, now: float) -> bool:
        """Note a fence without answer; return whether doubt ends all the same, by its age."""
        if self._known or now - self._doubted_at < LATE_S:
            return False
        self.in_doubt = False
        return True

    def require_clear(self) -> None:
        """Raise StillInDoubt while in doubt."""
        if self.in_doubt:
            raise StillInDoubt

    def renew(self, now: float) -> None:
        """Note a request that goes first in spite of doubt: its reply may be taken for another."""
        if self.in_doubt:
            self.doubt(now)
