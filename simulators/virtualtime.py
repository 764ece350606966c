"""An event loop whose clock jumps: a night of the rig in seconds, and the same every time.

Theory of operation. Callbacks that are ready run first and take no time. When nothing is ready the
loop looks for real input once, without waiting, and then sets its clock to the exact deadline of
the next timer. What happens outside the loop (a worker process, a thread, a real socket) takes real
time that the clock knows nothing of; whoever awaits such work holds the clock meanwhile
(:meth:`VirtualTimeLoop.hold`). Nothing ready, no timer and no hold means that nobody can ever wake
anybody: that raises :class:`Deadlock` with the names of the waiting tasks instead of hanging.

With a finite ``speed`` the loop waits before each jump, so that its clock runs that many times
faster than the wall. It still stops at every deadline in turn: on a machine that cannot keep up the
clock lags, and no timeout fires early.

Built on the shape of asyncio's own loop (``_run_once``, ``_ready``, ``_selector``), which has not
changed between CPython 3.8 and 3.14; the tests fail loudly where it does.
"""

import asyncio
import heapq
import time
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from contextvars import Context, copy_context
from math import inf, isinf
from typing import Any, Literal, TypeVar, TypeVarTuple

Speed = float | Literal["max"]
_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")
_Entry = tuple[float, int, asyncio.TimerHandle]  # deadline s, order of birth, what to run

_POLL_EVERY = 64  # iterations between looks at real input while callbacks keep being ready
_POLL_JUMPS = 256  # jumps between looks when only the loop's own wake-up socket is registered
_COMPACT_ABOVE = 128  # cancelled timers kept before the heap is cleaned


class Deadlock(RuntimeError):
    """Every task waits, and nothing is left that could wake one."""


class _Timer(asyncio.TimerHandle):
    """A timer handle born in one call: a run makes millions of them."""

    __slots__ = ()

    def __init__(  # all that the base would do outside debug mode
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: asyncio.AbstractEventLoop,
        context: Context,
    ) -> None:
        self._when = when
        self._callback = callback
        self._args = args
        self._loop = loop
        self._context = context
        self._cancelled = False
        self._scheduled = True  # so that cancel() tells the loop
        self._repr = self._source_traceback = None


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A loop on virtual time, in seconds from 0; see the module for how it works."""

    # what asyncio's own loop keeps, and its types do not tell
    _ready: deque[asyncio.Handle]
    _selector: Any
    _stopping: bool
    _process_events: Callable[[Any], None]

    def __init__(self, speed: float = inf) -> None:
        """Make a loop ``speed`` times as fast as the wall (default: as fast as it can)."""
        super().__init__()
        self._now = 0.0
        self._speed = speed
        self._timers: list[_Entry] = []
        self._born = 0
        self._dead = 0  # cancelled timers still in the heap
        self._holds = 0
        self._idle = 0  # iterations since the last look at real input
        self._watched = self._selector.get_map()
        self._anchor = (time.monotonic(), 0.0)  # wall and virtual time at the last change of pace

    def time(self) -> float:
        """Return the virtual time, s; constant while callbacks run."""
        return self._now

    @contextmanager
    def hold(self) -> Generator[None]:
        """Stop the clock while something outside the loop is pending; may be nested.

        Due callbacks and real input are still served.
        """
        self._holds += 1
        try:
            yield
        finally:
            self._release()

    def call_at(
        self,
        when: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call back at this loop time, s; equal deadlines run in the order they were made."""
        timer = _Timer(when, callback, args, self, copy_context() if context is None else context)
        self._born += 1
        heapq.heappush(self._timers, (when, self._born, timer))
        return timer

    def call_soon(
        self,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """Call back in the next iteration; most callbacks come this way, so it is short."""
        if self.is_closed():
            raise RuntimeError("the event loop is closed")
        handle = asyncio.Handle(
            callback, args, self, copy_context() if context is None else context
        )
        self._ready.append(handle)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call back after ``delay`` s of virtual time."""
        return self.call_at(self._now + delay, callback, *args, context=context)

    def run_in_executor(
        self, executor: Any, func: Callable[[*_Ts], _T], *args: *_Ts
    ) -> asyncio.Future[_T]:
        """Run in a thread or process, and hold the clock until it answers."""
        future = super().run_in_executor(executor, func, *args)
        self._holds += 1
        future.add_done_callback(lambda _: self._release())
        return future

    async def shutdown_default_executor(self, *timeout: float | None) -> None:
        """Wait for the executor's threads with the clock held."""
        with self.hold():
            await super().shutdown_default_executor(*timeout)

    def _release(self) -> None:
        self._holds -= 1
        if not self._holds:
            self._anchor = (time.monotonic(), self._now)  # time held is not caught up with

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:  # noqa: ARG002  # asyncio's hook
        self._dead += 1
        if self._dead > _COMPACT_ABOVE and 2 * self._dead > len(self._timers):
            self._timers[:] = [timer for timer in self._timers if not timer[2]._cancelled]
            heapq.heapify(self._timers)
            self._dead = 0

    def _run_once(self) -> None:
        """Run what is ready; called by ``run_forever`` over and over."""
        ready = self._ready
        self._idle += 1
        if not ready:
            self._wait()
        elif self._idle >= _POLL_EVERY:
            self._poll(0)
        timers, now = self._timers, self._now
        while timers and timers[0][0] <= now:
            timer = heapq.heappop(timers)[2]
            timer._scheduled = False  # pyright: ignore[reportAttributeAccessIssue]  # asyncio's own mark
            if timer._cancelled:
                self._dead -= 1
            else:
                ready.append(timer)
        for _ in range(len(ready)):  # not those that the callbacks make ready: they come next time
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()

    def _poll(self, timeout_s: float | None) -> None:
        """Take real input; wait for it at most ``timeout_s`` (None: until there is some)."""
        self._idle = 0
        self._process_events(self._selector.select(timeout_s))

    def _wait(self) -> None:
        """Nothing is ready: take real input, or jump to the next timer."""
        timers = self._timers
        while timers and timers[0][2]._cancelled:
            heapq.heappop(timers)[2]._scheduled = False  # pyright: ignore[reportAttributeAccessIssue]  # asyncio's own mark
            self._dead -= 1
        if timers and timers[0][0] <= self._now:
            return
        if self._stopping:
            return
        if self._holds:
            self._poll(None)
        elif not isinf(self._speed):
            self._wait_at_pace()
        elif timers and len(self._watched) == 1 and self._idle < _POLL_JUMPS:
            self._now = timers[0][0]  # no real input to look for: the cheap way
        else:
            self._poll(0)
            if not self._ready:
                self._jump()

    def _jump(self) -> None:
        if not self._timers:
            raise Deadlock(self._plight())
        self._now = self._timers[0][0]

    def _wait_at_pace(self) -> None:
        """Wait for real input until the wall reaches the next deadline at this speed."""
        wall, virtual = self._anchor
        deadline = self._timers[0][0] if self._timers else inf
        wait_s = wall + (deadline - virtual) / self._speed - time.monotonic()
        self._poll(None if isinf(wait_s) else max(0.0, wait_s))
        reached = virtual + (time.monotonic() - wall) * self._speed
        if self._ready:  # real input came first
            self._now = max(self._now, min(reached, deadline))
        elif reached >= deadline:
            self._now = deadline

    def _plight(self) -> str:
        waiting = sorted(_describe(task) for task in asyncio.all_tasks(self))
        return (
            f"at {self._now:g} s of virtual time every task waits, no timer is set, and nobody"
            " holds the clock for work outside the loop: " + ("; ".join(waiting) or "no tasks")
        )


def _describe(task: asyncio.Task[Any]) -> str:
    frames = task.get_stack(limit=1)
    if not frames:
        return task.get_name()
    code = frames[0].f_code
    return f"{task.get_name()} in {code.co_qualname} ({code.co_filename}:{frames[0].f_lineno})"


def run(main: Coroutine[Any, Any, _T], *, speed: Speed = "max") -> _T:
    """Run a program to its end, and return its result.

    ``max`` jumps from timer to timer; a number is that many times faster than the wall.

    Raises ValueError when the number is not above 0.
    """
    pace = inf if speed == "max" else float(speed)
    if not pace > 0:
        main.close()
        raise ValueError(f"speed must be above 0, got {speed!r}")
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(pace)) as runner:
        return runner.run(main)
