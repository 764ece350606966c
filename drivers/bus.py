"""The bus: one line, one exchange at a time, whoever else is talking.

Theory of operation. A reader task owns the transport: it feeds what comes to the codec, keeps the
frames for the exchange under way, hands all others to the unsolicited handlers, and closes the
transport when it ends. An exchange takes its turn (:mod:`drivers.turns`), keeps the gaps, writes,
and lets its ``match`` look at each frame until one is its reply; it ends in exactly one of reply,
error reply, :class:`NoReply` or :class:`LinkLost`.

After a timeout, a garbled answer or a cancellation the line is in doubt: bytes may still come.
The next exchange first waits until the line has been quiet for ``quiet_s`` (at most ``drain_s``),
so that they cannot be taken for its reply. A trip waits for one ``quiet_s`` at most.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from drivers.codec.base import Silent
from drivers.errors import GarbledReply, LinkLost, NoReply, NotConnected
from drivers.signal import Lane
from drivers.transport.base import Dial, LineSpec, Transport
from drivers.turns import Turns

T = TypeVar("T")
Match = Callable[[bytes], T | None]
Handler = Callable[[bytes], None]

WRITE_S = 2.0  # a line that takes no bytes for so long is dead
HEARD_MAX = 64  # bytes of a bad answer that are worth showing


@dataclass(slots=True)
class Counters:
    """What happened on a line since it was made; ``busy_s`` is the time somebody held it."""

    exchanges: int = 0
    timeouts: int = 0
    garbled: int = 0  # answers that were not valid
    stray: int = 0  # frames that answered nobody
    opened: int = 0
    busy_s: float = 0.0


class Bus:
    """One line with one codec, shared by the instruments on it."""

    def __init__(self, port: str, line: LineSpec, dial: Dial) -> None:
        if line.codec is None:
            raise ValueError(f"{port}: a line of medium {line.medium!r} has no bytes to frame")
        self.port, self.line = port, line
        self.counters = Counters()
        self._dial = dial
        self._codec = line.codec(port)
        self._silent = self._codec if isinstance(self._codec, Silent) else None
        self._turns = Turns()
        self._handlers: list[Handler] = []
        self._opening = asyncio.Lock()
        self._transport: Transport | None = None
        self._reader: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop  # known as soon as the line is open
        self._why_down = "the line has not been opened"
        self._lost = False
        self._frames: deque[bytes] = deque()
        self._listening = False
        self._waiter: asyncio.Future[None] | None = None
        self._expired = False
        self._echo = b""  # our own bytes that a converter will send back
        self._heard = bytearray()
        self._silence: asyncio.TimerHandle | None = None
        self._heard_at = self._failed_at = self._not_before = float("-inf")
        self._in_doubt = False

    @property
    def state(self) -> Literal["open", "lost", "closed"]:
        """Return ``open``, ``lost`` (the far end or the cable went away) or ``closed``."""
        if self._transport is not None:
            return "open"
        return "lost" if self._lost else "closed"

    def on_unsolicited(self, handler: Handler) -> None:
        """Call ``handler`` with every frame that answers nobody; it takes what it knows."""
        self._handlers.append(handler)

    async def open(self) -> None:
        """Connect; nothing happens when the line is open already. Raises OSError."""
        async with self._opening:
            if self._transport is not None:
                return
            await self._end_reader()
            self._loop = asyncio.get_running_loop()
            transport = self._dial(self.port, self.line)
            await transport.open()
            self._codec.reset()
            self._echo, self._in_doubt, self._lost = b"", False, False
            self._transport = transport
            self.counters.opened += 1
            # the bus owns this task: close() and the next open() end it and raise what it met
            self._reader = asyncio.create_task(self._read(transport), name=f"read {self.port}")

    async def close(self) -> None:
        """Disconnect; whoever waits for a reply gets LinkLost."""
        async with self._opening:
            await self._end_reader()
            self._lost = False

    async def exchange(
        self,
        instrument: str,
        request: bytes,
        match: Match[T],
        *,
        lane: Lane,
        timeout_s: float,
        attempts: int = 1,
        before: Callable[[], None] | None = None,
    ) -> T:
        """Send a request and return what ``match`` makes of its reply.

        ``match`` answers None for a frame that is not the reply (it goes to the unsolicited
        handlers) and raises InstrumentError for an error reply. Only queries may have more than
        one attempt; between attempts others get their turn. ``before`` is called when it is this
        exchange's turn; what it raises is raised, and nothing is sent. Raises NoReply, LinkLost,
        NotConnected (nothing was sent) and what ``match`` raises.
        """
        while True:
            attempts -= 1
            try:
                return await self._once(instrument, request, match, lane, timeout_s, before)
            except (NoReply, GarbledReply):
                if attempts <= 0:
                    raise

    async def send(self, instrument: str, request: bytes, *, lane: Lane) -> None:
        """Send a request that is not answered; raises LinkLost or NotConnected."""
        began = await self._take_line(instrument, lane)
        try:
            await self._write(instrument, request, self._loop.time() + WRITE_S)
        finally:
            self._release(began)

    def rest(self, seconds: float) -> None:
        """Keep the line silent for so long from now: the instrument works on a write."""
        self._not_before = max(self._not_before, self._loop.time() + seconds)

    async def _once(
        self,
        instrument: str,
        request: bytes,
        match: Match[T],
        lane: Lane,
        timeout_s: float,
        before: Callable[[], None] | None,
    ) -> T:
        began = await self._take_line(instrument, lane)
        self._expired = False
        self._listening = True
        self._heard.clear()
        deadline = self._loop.time() + timeout_s
        timer = self._loop.call_at(deadline, self._expire)
        try:
            if before is not None:
                before()
            await self._write(instrument, request, deadline)
            return await self._reply(instrument, request, match, timeout_s)
        except (NoReply, GarbledReply) as fault:
            self._count_fault(fault)
            raise
        except asyncio.CancelledError:
            self._doubt()
            raise
        finally:
            timer.cancel()
            self._listening = False
            while self._frames:
                self._tell(self._frames.popleft())
            self._release(began)

    async def _reply(self, instrument: str, request: bytes, match: Match[T], timeout_s: float) -> T:
        """Wait for the frame that matches."""
        while True:
            while self._frames:
                frame = self._frames.popleft()
                reply = match(frame)
                if reply is not None:
                    return reply
                self._tell(frame)
            if self._transport is None:
                raise LinkLost(instrument, f"{self.port}: {self._why_down}")
            if self._expired:
                raise NoReply(instrument, request, timeout_s, bytes(self._heard))
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    async def _take_line(self, instrument: str, lane: Lane) -> float:
        """Wait for the turn, for quiet and for the gap; return the time the turn began."""
        self._require_link(instrument)
        while True:
            if not self._turns.try_take():
                await self._turns.take(lane)
            began = self._loop.time()
            try:
                ready = await self._settled(lane, began)
                self._require_link(instrument)
            except BaseException:  # whatever ends us, the line must be free for the others
                self._release(began)
                raise
            if ready:
                self.counters.exchanges += 1
                return began
            self._release(began)

    async def _settled(self, lane: Lane, began: float) -> bool:
        """Wait until nothing more is coming; False when a trip came meanwhile and goes first."""
        line, loop = self.line, self._loop
        if self._in_doubt:
            limit = began + (line.quiet_s if lane is Lane.TRIP else line.drain_s)
            while (rest := min(self._quiet_at(), limit) - loop.time()) > 0:
                if lane is not Lane.TRIP and self._turns.waiting(Lane.TRIP):
                    return False
                await asyncio.sleep(rest)
            self._in_doubt = False
            self._codec.reset()
        elif 0 < line.quiet_s < began - self._heard_at:  # no frame has a pause that long inside
            self._codec.reset()
        if (rest := self._not_before - loop.time()) > 0:
            await asyncio.sleep(rest)
        return True

    def _require_link(self, instrument: str) -> Transport:
        if self._transport is None:
            raise NotConnected(instrument, f"{self.port}: {self._why_down}")
        return self._transport

    def _quiet_at(self) -> float:
        return max(self._heard_at, self._failed_at) + self.line.quiet_s

    def _release(self, began: float) -> None:
        """End a turn."""
        now = self._loop.time()
        self._not_before = now + self.line.gap_s
        self.counters.busy_s += now - began
        self._turns.give_back()

    async def _write(self, instrument: str, request: bytes, deadline: float) -> None:
        """Put the request on the wire; a line that does not take it in time is lost."""
        transport = self._require_link(instrument)
        self._echo = request if self.line.echo else b""
        try:
            async with asyncio.timeout_at(deadline):
                await transport.write(request)
        except TimeoutError:
            self._drop(ConnectionError("no more bytes are taken (flow control, dead peer)"))
        except OSError as error:
            self._drop(error)
        if self._transport is None:
            raise LinkLost(instrument, f"{self.port}: {self._why_down}")

    def _expire(self) -> None:
        self._expired = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _count_fault(self, fault: NoReply | GarbledReply) -> None:
        if isinstance(fault, NoReply):
            self.counters.timeouts += 1
        else:
            self.counters.garbled += 1
        self._doubt()

    def _doubt(self) -> None:
        """Remember that bytes of an exchange that failed may still come."""
        self._in_doubt = self.line.quiet_s > 0
        self._failed_at = self._loop.time()

    async def _read(self, transport: Transport) -> None:
        """Take bytes until the link ends or the bus is closed; close the transport."""
        try:
            while True:
                self._take_bytes(await transport.read())
        except OSError as error:
            self._drop(error)
        finally:
            if self._transport is transport:  # closed by us, or a fault of ours
                self._transport, self._why_down = None, "the line has been closed"
                self._wake()
            if self._silence is not None:
                self._silence.cancel()
            await transport.close()

    def _take_bytes(self, data: bytes) -> None:
        self._heard_at = self._loop.time()
        if self._echo:
            data = self._without_echo(data)
        if self._listening:
            self._heard += data[: HEARD_MAX - len(self._heard)]
        self._codec.feed(data)
        if self._silent is not None:
            if self._silence is not None:
                self._silence.cancel()
            self._silence = self._loop.call_later(self._silent.silence_s, self._fall_silent)
        self._take_frames()

    def _fall_silent(self) -> None:
        """Tell a codec whose frames end with a silence that there was one."""
        if self._silent is not None:
            self._silent.fall_silent()
        self._take_frames()

    def _take_frames(self) -> None:
        while (frame := self._codec.next_frame()) is not None:
            if self._listening:
                self._frames.append(frame)
            else:
                self._tell(frame)
        if self._frames:
            self._wake()

    def _without_echo(self, data: bytes) -> bytes:
        """Drop our own bytes from the front; a broken echo is left to the codec as garbage."""
        n = min(len(data), len(self._echo))
        if data[:n] != self._echo[:n]:
            self._echo = b""
            return data
        self._echo = self._echo[n:]
        return data[n:]

    def _tell(self, frame: bytes) -> None:
        """Hand a frame that answers nobody to the handlers."""
        self.counters.stray += 1
        for handler in self._handlers:
            handler(frame)

    def _drop(self, error: OSError) -> None:
        """Give the link up; the reader closes the transport."""
        self._transport, self._lost = None, True
        self._why_down = str(error) or type(error).__name__
        if self._reader is not None and self._reader is not asyncio.current_task():
            self._reader.cancel()
        self._wake()

    async def _end_reader(self) -> None:
        """Stop reading; raise what went wrong in a handler, if anything did."""
        reader, transport = self._reader, self._transport
        self._reader = None
        if reader is None:
            return
        reader.cancel()
        await asyncio.wait([reader])
        if (
            transport is not None
        ):  # a reader that was cancelled before its first step closed nothing
            self._transport, self._why_down = None, "the line has been closed"
            await transport.close()
        if not reader.cancelled():
            reader.result()
