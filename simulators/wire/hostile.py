"""A hostile wire, for tests: what can happen to a reply on its way.

Each trouble takes a reply and gives the pieces that arrive, each with a further delay in s; give it
to ``Line.trouble``. Some need the line itself, for what is no reply (:class:`Endless`,
:class:`HangUp`). Unplugging, silence and garbage from the instrument itself are ``Line.disturb``; a
converter that returns the host's own bytes is ``Line.echo``.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from random import Random

from simulators.wire.line import Line, Trouble

Pieces = Iterable[tuple[float, bytes]]


def delayed(seconds: float) -> Trouble:
    """Every reply comes this much later."""
    return lambda reply: ((seconds, reply),)


def cut(at: int, pause_s: float) -> Trouble:
    """Every reply comes in two pieces, cut after ``at`` bytes, with a pause between them."""
    return lambda reply: ((0.0, reply[:at]), (pause_s, reply[at:])) if reply[at:] else whole(reply)


def dripping(pause_s: float) -> Trouble:
    """Every reply comes byte by byte."""
    return lambda reply: ((k * pause_s, reply[k : k + 1]) for k in range(len(reply)))


def half(keep: int) -> Trouble:
    """Only the first ``keep`` bytes of every reply come."""
    return lambda reply: ((0.0, reply[:keep]),) if keep else ()


def dropped(reply: bytes) -> Pieces:
    """Nothing comes; the instrument has done what it was told all the same."""
    del reply
    return ()


def whole(reply: bytes) -> Pieces:
    """Everything comes, in one piece."""
    return ((0.0, reply),)


def twice(pause_s: float = 0.0) -> Trouble:
    """Every reply comes twice; without a pause both are in one piece."""
    if pause_s == 0:
        return lambda reply: ((0.0, reply + reply),)
    return lambda reply: ((0.0, reply), (pause_s, reply))


def flipped(rng: Random) -> Trouble:
    """One bit of every reply is wrong."""

    def flip(reply: bytes) -> Pieces:
        k = rng.randrange(8 * len(reply))
        wrong = bytearray(reply)
        wrong[k // 8] ^= 1 << k % 8
        return ((0.0, bytes(wrong)),)

    return flip


def noisy(noise: bytes, after: bytes = b"") -> Trouble:
    """Garbage comes before every reply, and after it."""
    return lambda reply: ((0.0, noise + reply + after),)


class Stale:
    """Every reply is the one to the request before; the first request gets none."""

    def __init__(self) -> None:
        self._before: bytes | None = None

    def __call__(self, reply: bytes) -> Pieces:
        """Return the reply before this one."""
        before, self._before = self._before, reply
        return () if before is None else ((0.0, before),)


class Again:
    """The reply to the request before comes once more, ahead of this one."""

    def __init__(self) -> None:
        self._before = self._now = b""

    def heard(self, reply: bytes) -> None:
        """Note a reply, whatever befalls it (:class:`Mixed` tells)."""
        self._before, self._now = self._now, reply

    def __call__(self, reply: bytes) -> Pieces:
        """Return the reply before and this one."""
        if self._now is not reply:  # used alone
            self.heard(reply)
        return ((0.0, self._before + reply),)


class Once:
    """A trouble that befalls the first reply only; all others come whole."""

    def __init__(self, trouble: Trouble) -> None:
        self._trouble: Trouble | None = trouble

    def __call__(self, reply: bytes) -> Pieces:
        """Return the reply, troubled the first time."""
        trouble, self._trouble = self._trouble, None
        return whole(reply) if trouble is None else trouble(reply)


class HangUp:
    """Half of the reply comes, then the port goes away; it is back after ``away_s``."""

    def __init__(self, line: Line, after_s: float = 0.15, away_s: float = 0.5) -> None:
        self._line, self._after_s, self._away_s = line, after_s, away_s

    def __call__(self, reply: bytes) -> Pieces:
        """Return half of the reply, and hang up a little later."""
        later = asyncio.get_running_loop().call_later
        for station in self._line.stations:
            name = station.instrument.name
            later(self._after_s, self._line.disturb, name, "unplug")
            later(self._after_s + self._away_s, self._line.disturb, name, "ok")
        return ((0.0, reply[: len(reply) // 2]),)


class Endless:
    """In place of the reply the line babbles: ``chunk`` every ``period_s``, for ``for_s``."""

    def __init__(self, line: Line, chunk: bytes, period_s: float, for_s: float) -> None:
        self._line, self._chunk = line, chunk
        self._period_s, self._for_s = period_s, for_s
        self._until: float | None = None  # while it babbles
        self.bytes_said = 0

    def __call__(self, reply: bytes) -> Pieces:
        """Return nothing, and begin to babble."""
        del reply
        loop = asyncio.get_running_loop()
        if self._until is None:
            loop.call_soon(self._say)
        self._until = loop.time() + self._for_s
        return ()

    def _say(self) -> None:
        loop = asyncio.get_running_loop()
        if self._until is None or loop.time() >= self._until:
            self._until = None
            return
        self._line.babble(self._chunk)
        self.bytes_said += len(self._chunk)
        loop.call_later(self._period_s, self._say)


class Stalling:
    """From time to time the line holds all replies back for a while, or loses some.

    :meth:`takes` says whether a request gets through; a stalled line loses as many of those.
    """

    def __init__(self, rng: Random, longest_s: float, loss: float) -> None:
        self._rng, self._longest_s, self._loss = rng, longest_s, loss
        self._until = 0.0
        self.held = 0

    def __call__(self, reply: bytes) -> Pieces:
        """Return the reply, at the end of the stall if there is one."""
        now = asyncio.get_running_loop().time()
        if now >= self._until and self._rng.random() < 0.3:
            self._until = now + self._rng.uniform(min(0.3, self._longest_s), self._longest_s)
        self.held += now < self._until
        if self._lost(now):
            return ()
        return ((max(0.0, self._until - now), reply),)

    def takes(self) -> bool:
        """Return whether a request gets through."""
        return not self._lost(asyncio.get_running_loop().time())

    def _lost(self, now: float) -> bool:
        return now < self._until and self._rng.random() < self._loss


class Mixed:
    """From reply to reply another of several troubles, or none with the chance ``calm``."""

    def __init__(self, rng: Random, troubles: Mapping[str, Trouble], calm: float) -> None:
        self._rng, self._troubles, self._calm = rng, tuple(troubles.items()), calm
        self._again = [trouble for trouble in troubles.values() if isinstance(trouble, Again)]
        self.seen: Counter[str] = Counter()

    def __call__(self, reply: bytes) -> Pieces:
        """Return what the trouble of the moment makes of the reply."""
        for again in self._again:
            again.heard(reply)
        if self._rng.random() < self._calm:
            return whole(reply)
        name, trouble = self._rng.choice(self._troubles)
        self.seen[name] += 1
        return trouble(reply)
