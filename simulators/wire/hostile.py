"""A hostile wire, for tests: what can happen to a reply on its way.

Each trouble takes a reply and gives the pieces that arrive, each with a further delay in s; give it
to ``Line.trouble``. Unplugging, silence and garbage from the instrument itself are
``Line.disturb``; a converter that returns the host's own bytes is ``Line.echo``.
"""

from collections.abc import Iterable
from random import Random

from simulators.wire.line import Trouble

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


def flipped(rng: Random) -> Trouble:
    """One bit of every reply is wrong."""

    def flip(reply: bytes) -> Pieces:
        k = rng.randrange(8 * len(reply))
        wrong = bytearray(reply)
        wrong[k // 8] ^= 1 << k % 8
        return ((0.0, bytes(wrong)),)

    return flip


def noisy(noise: bytes) -> Trouble:
    """Garbage comes before every reply."""
    return lambda reply: ((0.0, noise + reply),)


class Stale:
    """Every reply is the one to the request before; the first request gets none."""

    def __init__(self) -> None:
        self._before: bytes | None = None

    def __call__(self, reply: bytes) -> Pieces:
        """Return the reply before this one."""
        before, self._before = self._before, reply
        return () if before is None else ((0.0, before),)


class Once:
    """A trouble that befalls the first reply only; all others come whole."""

    def __init__(self, trouble: Trouble) -> None:
        self._trouble: Trouble | None = trouble

    def __call__(self, reply: bytes) -> Pieces:
        """Return the reply, troubled the first time."""
        trouble, self._trouble = self._trouble, None
        return whole(reply) if trouble is None else trouble(reply)
