"""Base of instruments that speak text: a driver is a table of signals plus its oddities.

A request is text and ``send_end``; a reply is text up to ``reply_end``. A query may be asked
again when it fails; a command is sent once and confirmed by reading back.

Protocols whose replies do not say what they answer need a ``fence``: a query whose reply, of the
form ``fence_reply``, cannot be mistaken for another. After a failure the instrument is asked it
first, and whatever comes before its reply is dropped, so that a late reply never answers the next
question; :mod:`drivers.fence` tells what happens when the fence's own reply is late or lost.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, ClassVar

from drivers.bus import Bus, Match
from drivers.codec import LineCodec
from drivers.errors import CommandRejected, GarbledReply, InstrumentError, NoReply
from drivers.fence import Fence, StillInDoubt
from drivers.options import DriverOptions, SerialOptions
from drivers.signal import Lane, Limits, Reading, SignalSpec, Value
from drivers.table import BadValue, BoundSignal, Kind, Row, TableInstrument
from drivers.transport.base import LineSpec

_FIELD = re.compile(r"({[^{}]*})")
PLAIN = ("", "0", "1", "23.75", "-1.5", "+1.0E+00", "OK")  # replies that could be to anything


def text_of(frame: bytes) -> str | None:
    """Return a frame as text; None for noise (if nothing better comes, NoReply shows it)."""
    try:
        return frame.decode("ascii").strip()
    except UnicodeDecodeError:
        return None


class AsciiSignal(Row):
    """A signal read and written by text.

    ``read`` is the query; ``write`` a format with one field for the value; ``reply`` a regular
    expression whose first group is the value (default: the whole reply). ``scale`` is the
    signal's unit per wire unit. Replies in ``no_value`` mean that there is none.
    """

    def __init__(
        self,
        kind: Kind,
        unit: str = "",
        *,
        read: str,
        write: str | None = None,
        reply: str | None = None,
        scale: float = 1.0,
        tolerance: float = 0.0,
        no_value: tuple[str, ...] = (),
        **more: Any,
    ) -> None:
        super().__init__(kind, unit, writable=write is not None, **more)
        self.read, self.write, self.scale, self.tolerance = read, write, scale, tolerance
        self.reply = re.compile(reply) if reply else None
        self.no_value = no_value

    def bind(self, instrument: Any, spec: SignalSpec) -> "BoundAscii":
        """Return the signal of this instrument."""
        return BoundAscii(instrument, self, spec)


class BoundAscii(BoundSignal):
    """A text signal of one instrument."""

    def __init__(self, owner: "AsciiInstrument", row: AsciiSignal, spec: SignalSpec) -> None:
        super().__init__(owner.name, spec)
        self._owner, self.row, self.tolerance = owner, row, row.tolerance

    async def polled(self, replies: dict[str, str]) -> Reading:
        """Read it as one of a poll; asked is what another has not asked already."""
        query = self.row.read
        try:
            if query not in replies:
                replies[query] = await self._owner.ask(query)
            return self.reading(self.parsed(replies[query]))
        except BadValue as bad:
            return self.bad(bad.reason)
        except (CommandRejected, GarbledReply):
            return self.bad("fault")

    async def fetch(self, lane: Lane) -> Value:
        """Ask, and return the value in the signal's unit."""
        return self.parsed(await self._owner.ask(self.row.read, lane=lane))

    async def store(self, value: Value, lane: Lane) -> Value:
        """Write once; return the value rounded as the text is."""
        text, sent = self.wire(value)
        await self._owner.tell(text, lane=lane)
        return sent

    def wire(self, value: Value) -> tuple[str, Value]:
        """Return the command for a value, and the value that its digits carry."""
        form = self.row.write or ""
        if self.spec.kind is not float:
            return form.format(value), value
        number = float(value) / self.row.scale
        before, field, after = _FIELD.split(form, maxsplit=1)
        text = field.format(round(number) if field.endswith("d}") else number)
        sent = self._scaled(text)
        self.checked(sent)  # rounding must not lead over a limit
        return before + text + after, sent

    def _scaled(self, text: str) -> float:
        scale = self.row.scale
        return float(text) if scale == 1.0 else round(float(text) * scale, 12)

    def parsed(self, text: str) -> Value:
        """Return the value a reply carries; raise BadValue or GarbledReply."""
        row = self.row
        if row.reply is not None:
            match = row.reply.fullmatch(text)
            if match is None:
                raise self._garbled(text)
            text = match[1]
        if text in row.no_value:
            raise BadValue("sentinel")
        try:
            return self._value(text)
        except ValueError:
            raise self._garbled(text) from None

    def _value(self, text: str) -> Value:
        kind = self.spec.kind
        if kind is str:
            return text
        if kind is bool:
            return ("0", "1").index(text) == 1
        return int(text) if kind is int else self._scaled(text)

    def _garbled(self, text: str) -> GarbledReply:
        self._owner.doubt()  # it may have been the reply to something else
        return GarbledReply(
            self.instrument, self.row.read.encode(), text.encode(), f"no {self.spec.kind.__name__}"
        )


class AsciiInstrument(TableInstrument):
    """An instrument that speaks text; see :mod:`drivers.ascii`."""

    Options: ClassVar[type[DriverOptions]] = SerialOptions
    line: ClassVar[LineSpec]
    line_settings: ClassVar[Mapping[str, Any]] = {}  # of LineSpec, where they differ from its own
    send_end: ClassVar[bytes] = b"\r"
    reply_end: ClassVar[bytes] = b"\r\n"
    commands_answer: ClassVar[bool] = False  # whether a command is acknowledged
    fence: ClassVar[str | None] = None  # a query whose reply cannot be mistaken for another
    fence_reply: ClassVar[str] = ""  # regular expression: all of that reply, as reply_to gives it
    tells_fence: ClassVar[bool] = False  # reply_to() takes the fence's reply for no other's
    attempts: ClassVar[int] = 2  # of a query
    declared_queries: ClassVar[tuple[str, ...]] = ()  # beside the rows': for `taylord wire`

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = vars(cls)
        says_how = "reply_end" in own or "line_settings" in own
        if "line" not in own and (says_how or not hasattr(cls, "line")):
            end = cls.reply_end
            cls.line = LineSpec(codec=lambda _port: LineCodec(end), **cls.line_settings)
        if cls.fence is not None and any(re.fullmatch(cls.fence_reply, text) for text in PLAIN):
            raise TypeError(
                f"{cls.__name__}: fence_reply {cls.fence_reply!r} must say how the reply to"
                f" {cls.fence!r} looks, and fit no other (it fits a plain value)"
            )

    def __init__(
        self, name: str, bus: Bus, options: DriverOptions, limits: Mapping[str, Limits]
    ) -> None:
        super().__init__(name, limits, options)
        self.bus, self.options = bus, options
        self._fence = Fence()
        self._is_fence = re.compile(self.fence_reply).fullmatch
        # whether reply_to() alone can say what answers a request other than the fence
        self._plainly = self.fence is None or self.tells_fence
        if self.fence is not None:
            bus.on_unsolicited(self._hear_fence)

    @property
    def in_doubt(self) -> bool:
        """Return whether a reply to an earlier request may still be on its way."""
        return self._fence.in_doubt

    def doubt(self) -> None:
        """Note that a reply may still be on its way: the fence is asked before the next query."""
        self._fence.doubt(asyncio.get_running_loop().time())

    async def identify(self) -> str:
        """Prove that something answers; drivers that can ask for a name do."""
        await next(iter(self.bound.values())).fetch(Lane.COMMAND)
        return f"{type(self).__name__} (has no identity query)"

    def ask(self, text: str, *, lane: Lane = Lane.POLL) -> Coroutine[Any, Any, str]:
        """Return the reply to a query; asked again when it fails."""
        return self._fenced(text, lane, attempts=self.attempts)

    async def tell(self, text: str, *, lane: Lane = Lane.COMMAND) -> str:
        """Send a command once; return its acknowledgement, or an empty text when there is none."""
        if self.commands_answer:  # in a trip acting comes first, certainty after
            return await self._fenced(text, lane, fence=lane is not Lane.TRIP)
        await self.bus.send(self.name, self.encoded(text), lane=lane)
        return ""

    async def _fenced(self, text: str, lane: Lane, *, fence: bool = True, attempts: int = 1) -> str:
        """Exchange after all earlier replies are known to have come; again when that fails."""
        if self.fence is None or text == self.fence:
            return await self._exchange(text, lane, attempts)
        before = self._fence.require_clear if fence else self._renew_doubt
        while True:
            asked = False
            try:
                while fence and self._unclear(text):
                    await self._clear(text, lane)
                asked = True
                return await self._exchange(text, lane, 1, before)
            except StillInDoubt:
                continue  # another's request failed while this one waited for its turn
            except (NoReply, GarbledReply, asyncio.CancelledError) as failure:
                if asked:
                    self.doubt()
                attempts -= 1
                if attempts < 1 or isinstance(failure, asyncio.CancelledError):
                    raise

    def _unclear(self, text: str) -> bool:  # noqa: ARG002 - a hook
        """Return whether something has to be asked before this may be."""
        return self._fence.in_doubt

    async def _clear(self, text: str, lane: Lane) -> None:  # noqa: ARG002 - a hook
        """Ask what has to be asked before."""
        await self._pass_fence(self.fence or "", lane)

    def _renew_doubt(self) -> None:
        self._fence.renew(asyncio.get_running_loop().time())

    async def _pass_fence(self, fence: str, lane: Lane) -> None:
        """Ask the fence once; raise NoReply unless it answers, or doubt has become old."""
        try:
            await self._exchange(fence, lane, 1, duty=True)
        except NoReply:
            if not self._fence.unanswered(asyncio.get_running_loop().time()):
                raise

    def _exchange(
        self,
        text: str,
        lane: Lane,
        attempts: int,
        before: Callable[[], None] | None = None,
        duty: bool = False,
    ) -> Coroutine[Any, Any, str]:
        if text == self.fence:
            before = self._send_fence
        return self.bus.exchange(
            self.name,
            self.encoded(text),
            self.matching(text, duty),
            lane=lane,
            timeout_s=self.timeout_for(text),
            attempts=attempts,
            before=before,
        )

    def timeout_for(self, text: str) -> float:  # noqa: ARG002 - a hook
        """Return the time for the reply to a request, s; drivers with slow requests override it."""
        return self.options.timeout_s

    def _send_fence(self) -> None:
        self._fence.sent(asyncio.get_running_loop().time())

    def matching(self, text: str, duty: bool = False) -> Match[str]:
        """Return what tells the reply to a request; with ``duty`` it is asked as a fence only."""
        if text == self.fence:
            return partial(self._match_fence, text, duty)
        return partial(self.reply_to if self._plainly else self._match, text)

    def _match(self, request: str, frame: bytes) -> str | None:
        """Return the reply to a request; a fence's reply answers nothing but a fence."""
        return None if self._answers_fence(frame) else self.reply_to(request, frame)

    def _match_fence(self, fence: str, duty: bool, frame: bytes) -> str | None:
        """Return the fence's reply; with ``duty`` what answers something earlier is passed over."""
        try:
            reply = self.reply_to(fence, frame)
        except (CommandRejected, GarbledReply):
            if duty:
                return None
            raise
        if reply is None or not self._is_fence(reply):
            return None
        self._fence.answered(asyncio.get_running_loop().time())
        return reply

    def _hear_fence(self, frame: bytes) -> None:
        """Count a reply to an earlier fence, whenever it comes."""
        if self._answers_fence(frame):
            self._fence.answered(asyncio.get_running_loop().time())

    def _answers_fence(self, frame: bytes) -> bool:
        try:
            reply = self.reply_to(self.fence or "", frame)
        except InstrumentError:
            return False
        return reply is not None and self._is_fence(reply) is not None

    def encoded(self, text: str) -> bytes:
        """Return a request as it goes on the wire."""
        return text.encode("ascii") + self.send_end

    def reply_to(self, request: str, frame: bytes) -> str | None:  # noqa: ARG002 - a hook
        """Return the reply's text, None when the frame answers something else.

        Drivers override it where replies carry a tag, an address or an error code.
        """
        return text_of(frame)

    async def make_safe(self) -> None:
        """Do nothing: an instrument that only measures is always safe."""
