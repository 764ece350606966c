"""The daemon's loop on the wall clock: asyncio's own, with timers that are on time.

``epoll_wait`` counts in milliseconds, and asyncio rounds up: a timer set behind anything else on
the loop is up to 1 ms late. ``select`` counts in microseconds, and an epoll descriptor can itself
be waited for: the last millisecond before a timer this loop waits there, and then takes what is
ready.
"""

import asyncio
import select
import selectors
import signal
from collections.abc import Coroutine
from time import monotonic  # noqa: TID251 - this is where the loop's time comes from
from typing import Any, TypeVar

_T = TypeVar("_T")
_SELECT_MAX = 1024  # descriptors that select() can name
_TICK_S = 1e-3  # of epoll_wait


class FineSelector(selectors.EpollSelector):
    """An epoll selector whose timeouts are kept to the microsecond."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready within ``timeout`` s (None: whenever something is)."""
        if timeout is not None and timeout > 0 and self.fileno() < _SELECT_MAX:
            if timeout < 2 * _TICK_S:
                select.select((self.fileno(),), (), (), timeout)
                timeout = 0
            else:
                timeout -= _TICK_S  # it ends early; the rest, which is short, is asked for next
        return super().select(timeout)


class RealLoop(asyncio.SelectorEventLoop):
    """asyncio's loop on a :class:`FineSelector`; every exchange asks it for the time repeatedly."""

    def __init__(self) -> None:
        super().__init__(FineSelector())
        self.time = monotonic  # what the method of that name calls, one layer less


def ending_signals() -> tuple[signal.Signals, ...]:
    """Return the signals that ask a program to end: a terminal that goes away (ssh) is one of them.

    A hang-up that is ignored already (``nohup``) is none.
    """
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return (signal.SIGTERM, signal.SIGINT, *(() if ignored else (signal.SIGHUP,)))


def real_loop() -> asyncio.AbstractEventLoop:
    """Return a new loop on the wall clock."""
    return RealLoop()


def run_real(main: Coroutine[Any, Any, _T]) -> _T:
    """Run a program to its end on the wall clock, and return its result."""
    with asyncio.Runner(loop_factory=real_loop) as runner:
        return runner.run(main)
