"""The bus: one line, one exchange at a time, whoever else is talking.

Theory of operation. What comes goes through the :mod:`drivers.intake`: a reader task owns the
transport and closes it when it ends. An exchange takes its turn (:mod:`drivers.turns`), keeps the
gaps, writes, and lets its ``match`` look at each frame until one is its reply; it ends in exactly
one of reply, error reply, :class:`NoReply` or :class:`LinkLost`.

After a timeout, a garbled answer or a cancellation the line is in doubt: bytes may still come.
The next exchange first waits until the line has been quiet for ``quiet_s`` (at most ``drain_s``),
so that they cannot be taken for its reply. A trip waits for one ``quiet_s`` at most. Replies that
come twice are the matter of :mod:`drivers.repeats`.
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from math import inf
from typing import Any, Literal, TypeVar

from drivers.deadline import Deadline
from drivers.errors import GarbledReply, InstrumentError, LinkLost, NoReply, NotConnected
from drivers.intake import Handler, Intake
from drivers.load import Counters
from drivers.repeats import Repeats
from drivers.signal import Lane
from drivers.transport.base import Dial, LineSpec, PushTransport, Transport
from drivers.turns import Turns

T = TypeVar("T")
Match = Callable[[bytes], T | None]

WRITE_S = 2.0  # a line that takes no bytes for so long is dead
TRIP = Lane.TRIP


class Bus:
    """One line with one codec, shared by the instruments on it."""

    def __init__(self, port: str, line: LineSpec, dial: Dial) -> None:
        if line.codec is None:
            raise ValueError(f"{port}: a line of medium {line.medium!r} has no bytes to frame")
        self.port, self.line = port, line
        self.counters = Counters()
        self._dial = dial
        self._intake = Intake(line.codec(port), self.counters)
        self._repeats = Repeats()
        self._turns = Turns()
        self._deadline = Deadline(self._expire)
        self._opening = asyncio.Lock()
        self._transport: Transport | None = None
        self._pushing: PushTransport | None = None  # the same, where it can
        self._reader: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop  # known as soon as the line is open, like _now
        self._now: Callable[[], float]
        self._why_down = "the line has not been opened"
        self._lost = False
        self._expired = False
        self._writing: asyncio.Task[object] | None = None
        self._failed_at = self._not_before = float("-inf")
        self._in_doubt = False

    @property
    def state(self) -> Literal["open", "lost", "closed"]:
        """Return ``open``, ``lost`` (the far end or the cable went away) or ``closed``."""
        if self._transport is not None:
            return "open"
        return "lost" if self._lost else "closed"

    def on_unsolicited(self, handler: Handler) -> None:
        """Call ``handler`` with every frame that answers nobody; True: it is no stray one."""
        self._intake.on_unsolicited(handler)

    async def open(self) -> None:
        """Connect; nothing happens when the line is open already. Raises OSError."""
        async with self._opening:
            if self._transport is not None:
                return
            await self._end_reader()
            self._loop = asyncio.get_running_loop()
            self._now = self._loop.time
            transport = self._dial(self.port, self.line)
            await transport.open()
            self._intake.opened()
            self._in_doubt = self._lost = False
            self._transport = transport
            self.counters.opened += 1
            self._pushing = transport if isinstance(transport, PushTransport) else None
            if self._pushing is not None:
                self._pushing.push_to(self._intake.pushed)
            # the bus owns this task: close() and the next open() end it and raise what it met
            self._reader = asyncio.create_task(self._read(transport), name=f"read {self.port}")

    async def close(self) -> None:
        """Disconnect; whoever waits for a reply gets LinkLost."""
        async with self._opening:
            await self._end_reader()
            self._deadline.close()
            self._lost = False

    def exchange(
        self,
        instrument: str,
        request: bytes,
        match: Match[T],
        *,
        lane: Lane,
        timeout_s: float,
        attempts: int = 1,
        before: Callable[[], None] | None = None,
    ) -> Coroutine[Any, Any, T]:
        """Send a request and return what ``match`` makes of its reply.

        ``match`` answers None for a frame that is not the reply (it goes to the unsolicited
        handlers) and raises InstrumentError for an error reply. Only queries may have more than
        one attempt; between attempts others get their turn. ``before`` is called when it is this
        exchange's turn; what it raises is raised, and nothing is sent. Raises NoReply, LinkLost,
        NotConnected (nothing was sent) and what ``match`` raises.
        """
        if attempts <= 1:
            return self._once(instrument, request, match, lane, timeout_s, before)
        once = partial(self._once, instrument, request, match, lane, timeout_s, before)
        return _repeated(once, attempts)

    async def send(self, instrument: str, request: bytes, *, lane: Lane) -> None:
        """Send a request that is not answered; raises LinkLost or NotConnected."""
        began = await self._take_line(instrument, lane, WRITE_S)
        try:
            if rest := self._put(instrument, request):
                await self._write(instrument, rest)
        finally:
            self._release(began)

    def rest(self, seconds: float) -> None:
        """Keep the line silent for so long from now: the instrument works on a write."""
        self._not_before = max(self._not_before, self._now() + seconds)

    async def _once(
        self,
        instrument: str,
        request: bytes,
        match: Match[T],
        lane: Lane,
        timeout_s: float,
        before: Callable[[], None] | None,
    ) -> T:
        began = self._took_line_at_once(timeout_s)
        if began is None:
            began = await self._take_line(instrument, lane, timeout_s)
        intake, repeats = self._intake, self._repeats
        intake.listen()
        try:
            if before is not None:
                before()
            if rest := self._put(instrument, request):
                await self._write(instrument, rest)
            asked = self._now()
            while True:
                while intake.frames:
                    frame, came = intake.frames.popleft(), intake.heard_at
                    if lane is not TRIP and repeats.suspected(request, frame, came):
                        reply = await self._newer(request, frame, match, asked, came)
                    else:
                        reply = self._looked_at(request, frame, match, asked, came)
                    if reply is not None:
                        return reply
                if self._expired or self._transport is None:
                    raise self._nothing(instrument, request, timeout_s)
                await intake.more()
        except (NoReply, GarbledReply, asyncio.CancelledError) as failure:
            self._failed(failure)
            raise
        finally:
            try:
                intake.stop()
            finally:
                self._release(began)

    def _nothing(self, instrument: str, request: bytes, timeout_s: float) -> InstrumentError:
        if self._transport is None:
            return LinkLost(instrument, f"{self.port}: {self._why_down}")
        return NoReply(instrument, request, timeout_s, self._intake.heard)

    async def _newer(
        self, request: bytes, held: bytes, match: Match[T], asked: float, came: float
    ) -> T | None:
        """Return what follows a frame that may be an old reply; when nothing does, that frame."""
        intake, until = self._intake, self._repeats.until(asked)
        while True:
            while intake.frames:
                frame = intake.frames.popleft()
                reply = self._looked_at(request, frame, match, asked, intake.heard_at)
                if reply is not None:
                    intake.tell(held)
                    return reply
            if self._expired or self._transport is None or self._now() >= until:
                return self._looked_at(request, held, match, asked, came)
            timer = self._loop.call_at(until, intake.wake)
            try:
                await intake.more()
            finally:
                timer.cancel()

    def _looked_at(
        self, request: bytes, frame: bytes, match: Match[T], asked: float, came: float
    ) -> T | None:
        """Return what ``match`` makes of a frame; hand it on when that is nothing."""
        try:
            reply = match(frame)
        except InstrumentError:
            self._repeats.answered(request, frame, came - asked, came)
            raise
        if reply is None:
            self._intake.tell(frame)
        else:
            self._repeats.answered(request, frame, came - asked, came)
        return reply

    def _took_line_at_once(self, timeout_s: float) -> float | None:
        """Begin a turn if the line is free, quiet and rested, as it nearly always is.

        Return the time the turn began, or None.
        """
        if self._transport is None or self._in_doubt:
            return None
        now = self._now()
        if now < self._not_before or not self._turns.try_take():
            return None
        self._begin(now, timeout_s)
        return now

    def _begin(self, now: float, timeout_s: float) -> None:
        """Begin to use a turn: from now on the deadline runs."""
        if 0 < self.line.quiet_s < now - self._intake.heard_at:
            self._intake.forget()  # no frame has a pause that long inside
        self.counters.exchanges += 1
        self._expired = False
        self._deadline.set(now + timeout_s)

    async def _take_line(self, instrument: str, lane: Lane, timeout_s: float) -> float:
        """Wait for the turn, for quiet and for the gap; return the time the turn began."""
        self._require_link(instrument)
        while True:
            if not self._turns.try_take():
                await self._turns.take(lane)
            began = now = self._now()
            try:
                ready = True
                if self._in_doubt or now < self._not_before:
                    ready = await self._settled(lane, began)
                    now = self._now()
                self._require_link(instrument)
            except BaseException:  # whatever ends us, the line must be free for the others
                self._pass_on(began)
                raise
            if ready:
                self._begin(now, timeout_s)
                return began
            self._pass_on(began)

    async def _settled(self, lane: Lane, began: float) -> bool:
        """Wait until nothing more is coming; False when a trip came meanwhile and goes first."""
        line, loop = self.line, self._loop
        if self._in_doubt:
            limit = began + (line.quiet_s if lane is Lane.TRIP else line.drain_s)
            while True:
                quiet_at = max(self._intake.heard_at, self._failed_at) + line.quiet_s
                if (rest := min(quiet_at, limit) - loop.time()) <= 0:
                    break
                if lane is not Lane.TRIP and self._turns.waiting(Lane.TRIP):
                    return False
                await asyncio.sleep(rest)
            self._in_doubt = False
            self._intake.forget()
        if (rest := self._not_before - loop.time()) > 0:
            await asyncio.sleep(rest)
        return lane is Lane.TRIP or not self._turns.waiting(Lane.TRIP)

    def _require_link(self, instrument: str) -> Transport:
        if self._transport is None:
            raise NotConnected(instrument, f"{self.port}: {self._why_down}")
        return self._transport

    def _release(self, began: float) -> None:
        """End a turn that was used."""
        now = self._now()
        self._deadline.at = inf
        if self.line.gap_s > 0:
            self._not_before = max(self._not_before, now + self.line.gap_s)
        self.counters.busy_s += now - began
        self._turns.give_back()

    def _pass_on(self, began: float) -> None:
        """End a turn in which nothing was sent."""
        self.counters.busy_s += self._now() - began
        self._turns.give_back()

    def _put(self, instrument: str, request: bytes) -> bytes:
        """Write what the line takes at once; return the rest."""
        if self.line.echo:
            self._intake.expect_echo(request)
        if self._pushing is None:
            return request
        try:
            return request[self._pushing.write_some(request) :]
        except OSError as error:
            self._drop(error)
            raise LinkLost(instrument, f"{self.port}: {self._why_down}") from None

    async def _write(self, instrument: str, request: bytes) -> None:
        """Put the request on the wire; a line that does not take it in time is lost."""
        transport = self._require_link(instrument)
        self._writing = task = asyncio.current_task()
        cancelled = task.cancelling() if task else 0
        try:
            await transport.write(request)
        except asyncio.CancelledError:
            # by the deadline (nearly all writes end at once, and no timer of their own is made)
            if task is None or not self._expired or task.uncancel() > cancelled:
                raise
            self._drop(ConnectionError("no more bytes are taken (flow control, dead peer)"))
        except OSError as error:
            self._drop(error)
        finally:
            self._writing = None
        if self._transport is None:
            raise LinkLost(instrument, f"{self.port}: {self._why_down}")

    def _expire(self) -> None:
        """Note that the deadline has passed, and end what waits for it."""
        self._expired = True
        if self._writing is not None:
            self._writing.cancel()
        self._intake.wake()

    def _failed(self, failure: BaseException) -> None:
        """Count it, and remember that bytes of the exchange may still come."""
        if isinstance(failure, NoReply):
            self.counters.timeouts += 1
        elif isinstance(failure, GarbledReply):
            self.counters.garbled += 1
        self._in_doubt = self.line.quiet_s > 0
        self._failed_at = self._now()

    async def _read(self, transport: Transport) -> None:
        """Take bytes until the link ends or the bus is closed; close the transport."""
        try:
            while True:
                self._intake.take(await transport.read())
        except OSError as error:
            self._drop(error)
        finally:
            if self._transport is transport:  # closed by us, or a fault of ours
                self._transport, self._why_down = None, "the line has been closed"
                self._intake.wake()
            self._intake.deaf()
            await transport.close()

    def _drop(self, error: OSError) -> None:
        """Give the link up; the reader closes the transport."""
        self._transport, self._lost = None, True
        self._why_down = str(error) or type(error).__name__
        if self._reader is not None and self._reader is not asyncio.current_task():
            self._reader.cancel()
        self._intake.wake()

    async def _end_reader(self) -> None:
        """Stop reading; raise what went wrong in a handler, if anything did."""
        reader, transport = self._reader, self._transport
        self._reader = None
        if reader is None:
            return
        reader.cancel()
        await asyncio.wait([reader])
        if transport is not None:  # a reader cancelled before its first step closed nothing
            self._transport, self._why_down = None, "the line has been closed"
            await transport.close()
        if not reader.cancelled():
            reader.result()


async def _repeated(once: Callable[[], Coroutine[Any, Any, T]], attempts: int) -> T:
    """Ask up to so many times; between attempts others get their turn."""
    for _ in range(attempts - 1):
        try:
            return await once()
        except (NoReply, GarbledReply):
            continue
    return await once()
