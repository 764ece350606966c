"""A described instrument that speaks text: its file's exchanges, on the engine of drivers.ascii.

Theory of operation. A query is a constant request; all fields of its reply are read at once. A
command carries values, or means some (``sets``). A reply that begins otherwise than its pattern, or
is an unsolicited line, or carries another address, answers nothing; one that begins right and goes
on wrong is a bad reading. Commands without reply and without read-back are sent between two
answered questions. The fence (``drivers.fence``) is the identity query, unless the file says so.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, cast

from drivers.again import until_answered
from drivers.ascii import AsciiInstrument
from drivers.bus import Bus
from drivers.described.book import Book, Exchange, Told
from drivers.described.care import Care
from drivers.described.frames import Damaged, frames_of
from drivers.described.model import ErrorPart
from drivers.described.rows import BoundField
from drivers.errors import (
    Busy,
    CommandRejected,
    DeviceFault,
    GarbledReply,
    NoReply,
    ReadbackMismatch,
    WrongInstrument,
)
from drivers.options import DriverOptions
from drivers.signal import Lane, Limits, Reading, Value
from drivers.table import BadValue, BoundSignal, Row


class DescribedText(Care, AsciiInstrument):
    """The base of the classes made of text descriptions."""

    book: ClassVar[Book]
    hidden_rows: ClassVar[Mapping[str, Row]] = {}

    def __init__(
        self, name: str, bus: Bus, options: DriverOptions, limits: Mapping[str, Limits]
    ) -> None:
        super().__init__(name, bus, options, limits)
        self.take_options(options, limits)
        self._frames = frames_of(self.book.description, getattr(options, "address", None))
        self._fields = {
            key: row.bind(self, row.spec(row.limits)) for key, row in self.hidden_rows.items()
        }
        self._alarm = ""  # that came unasked
        self._then: str | None = None  # to be sent after an error reply
        if self.book.unsolicited:
            bus.on_unsolicited(self._hear)

    def part(self, name: str) -> BoundSignal:
        """Return a field by name, hidden ones too."""
        return self._fields[name] if name in self._fields else self.bound[name]

    # --- what the wire says

    def encoded(self, text: str) -> bytes:
        """Return a request as it goes on the wire."""
        return self._frames.wrapped(text)

    def reply_to(self, request: str, frame: bytes) -> str | None:
        """Return the reply's text; None when the frame answers something else.

        Raises the fault that an error reply is declared to be, BadValue when it says that there
        is no value, and GarbledReply when the checksum is wrong.
        """
        try:
            text = self._frames.unwrapped(frame)
        except Damaged as damage:
            raise GarbledReply(self.name, request.encode(), frame, str(damage)) from None
        exchange = self.book.asked_by(request)
        if text is None or exchange is None or exchange.reply is None:
            return None
        right = exchange.answer is not None and exchange.answer.fullmatch(text) is not None
        if right:
            return text
        if _told(self.book.unsolicited, text) is not None:
            return None
        if (error := _told(self.book.errors, text)) is not None:
            return self._refused(request, text, cast("ErrorPart", error.part))
        begins = bool(exchange.reply.names) and text.startswith(exchange.reply.head)
        return text if exchange.is_query and begins else None

    def _refused(self, request: str, text: str, error: ErrorPart) -> None:
        """Raise the fault of an error reply; one to the fence is to something earlier."""
        if request == self.fence:
            return
        self._then = error.then
        says = f" ({error.says})" if error.says else ""
        what = f"{request!r} is answered {text!r}{says}"
        match error.is_:
            case "fault":
                raise DeviceFault(self.name, what)
            case "busy":
                raise Busy(self.name, what)
            case "no-value":
                raise BadValue("sentinel")
            case _:
                raise CommandRejected(self.name, what)

    async def _exchange(self, text: str, lane: Lane, *args: Any, **more: Any) -> str:
        try:
            return await super()._exchange(text, lane, *args, **more)
        except (CommandRejected, DeviceFault, BadValue):
            then, self._then = self._then, None
            if then is not None:
                await self.bus.send(self.name, self.encoded(then), lane=lane)
            raise

    def timeout_for(self, text: str) -> float:
        """Return the time for a reply: the exchange's own where it has one."""
        exchange = self.book.asked_by(text)
        own_s = exchange.part.timeout_s if exchange is not None else None
        return self.options.timeout_s if own_s is None else own_s

    def _hear(self, frame: bytes) -> bool:
        """Take what came unasked; return whether the description knows it."""
        try:
            text = self._frames.unwrapped(frame)
        except Damaged:
            return False
        told = _told(self.book.unsolicited, text) if text is not None else None
        if told is None or text is None:
            return False
        if told.part.is_ == "fault":
            self._alarm = f"{text!r} {told.part.says}".strip()
        found = told.regex.fullmatch(text)
        if found is None or told.part.is_ != "value":
            return True
        for slot in told.pattern.slots:
            field = cast("BoundField", self.part(slot.name))
            try:
                field.note(field.place.form.value(found[slot.name], slot.picture))
            except (BadValue, ValueError):
                field.note(None)
        return True

    # --- exchanges

    async def perform(
        self, exchange: Exchange, values: Mapping[str, Value], lane: Lane
    ) -> Mapping[str, Value]:
        """Do one exchange that is no query; return the values as their texts carry them."""
        texts: dict[str, str] = {}
        sent: dict[str, Value] = {}
        for name in exchange.send.names:
            texts[name], sent[name] = cast("BoundField", self.part(name)).wire(values[name])
        text = exchange.send.filled(texts)
        if exchange.retry == "idempotent":
            await until_answered(lambda: self._performed(exchange, text, lane))
        else:
            await self._performed(exchange, text, lane)
        return sent

    def harmless_twice(self, signal: BoundField, value: Value) -> bool:
        """Return whether the exchange that writes a value may be done again."""
        name, book = signal.place.field, self.book
        exchange = book.writers.get(name) or book.setter(name, value)
        return exchange is not None and exchange.retry == "idempotent"

    async def _performed(self, exchange: Exchange, text: str, lane: Lane) -> None:
        if exchange.answers:  # in a trip acting comes first, certainty after
            await self._fenced(text, lane, fence=lane is not Lane.TRIP)
        else:
            await self.bus.send(self.name, self.encoded(text), lane=lane)
        settle_s = exchange.part.settle_s
        settle_s = self.book.description.line.settle_s if settle_s is None else settle_s
        if settle_s > 0:
            self.bus.rest(settle_s)

    async def write(self, signal: BoundField, value: Value, lane: Lane) -> Value:
        """Write one field once; the others of its request are read first and kept."""
        name, book = signal.place.field, self.book
        exchange = book.writers.get(name) or book.setter(name, value)
        if exchange is None:
            raise ValueError(f"{self.name}.{name}: nothing writes {value!r}")  # wire() has looked
        if name not in exchange.send.names:
            await self.perform(exchange, {}, lane)
            return value
        others = [other for other in exchange.send.names if other != name]
        values = {other: await self.part(other).fetch(lane) for other in others}
        sent = await self.perform(exchange, {**values, name: value}, lane)
        return sent[name]

    async def proven(self, lane: Lane) -> None:
        """Have the instrument answer something that cannot be an earlier answer."""
        if self.fence is not None:
            self.doubt()
        await self.ask(self._first_readable().place.query, lane=lane)

    async def explained(self, signal: BoundSignal, sent: Value, reading: Reading) -> None:
        """Raise what the instrument says of a write that has not come about."""
        try:
            signal.confirm(sent, reading)
        except ReadbackMismatch as mismatch:
            await self.refusal(mismatch.what)
            raise

    # --- life

    async def identify(self) -> str:
        """Return what the identity query gives; raise WrongInstrument when it is another's."""
        exchange = self.book.exchanges.get(self.book.description.identity or "")
        if exchange is None:
            await self._first_readable().fetch(Lane.COMMAND)
            return f"{self.book.description.title} (has no identity query)"
        try:
            text = await self.ask(exchange.send.filled({}), lane=Lane.COMMAND)
        except CommandRejected as refusal:
            raise WrongInstrument(self.name, f"tells no name: {refusal.what}") from None
        except NoReply as silence:
            self._look_at(silence, exchange)
            raise
        found = exchange.answer.fullmatch(text) if exchange.answer is not None else None
        if found is None:
            raise WrongInstrument(self.name, f"{text!r} is not {self.book.description.title}")
        return " ".join(found.groupdict().values()) or text

    def _look_at(self, silence: NoReply, exchange: Exchange) -> None:
        """Raise WrongInstrument when a whole line came that is another's name."""
        end = (self.book.description.framing.reply_end or "").encode("latin-1")
        if not end or not silence.heard.endswith(end):
            return
        text = self._frames.unwrapped(silence.heard.removesuffix(end))
        if text and text.isprintable():
            wanted = exchange.part.reply
            what = f"answers {text!r} to {exchange.part.send!r}, expected {wanted!r}"
            raise WrongInstrument(self.name, what) from None

    def _first_readable(self) -> BoundField:
        every = [*self.bound.values(), *self._fields.values()]
        return next(s for s in every if isinstance(s, BoundField) and s.readable)

    async def poll(self, names: Sequence[str]) -> Sequence[Reading]:
        """Read these signals; those that share a query are asked once."""
        await self.feed()
        return await super().poll(names)

    async def gathered(
        self, names: Iterable[str], lane: Lane, *, strict: bool = False
    ) -> dict[str, Reading]:
        """Read fields by name, asking each query once.

        A fault of one is a bad reading, or raised when ``strict``.
        """
        texts: dict[str, str] = {}
        return {name: await self._gathered(self.part(name), lane, texts, strict) for name in names}

    async def _gathered(
        self, signal: BoundSignal, lane: Lane, texts: dict[str, str], strict: bool
    ) -> Reading:
        if not (isinstance(signal, BoundField) and signal.readable):
            return await signal.read(lane)
        query = signal.place.query
        try:
            if query not in texts:
                texts[query] = await self.ask(query, lane=lane)
            return signal.reading(signal.parsed(texts[query]))
        except BadValue as bad:
            return signal.bad(bad.reason)
        except (CommandRejected, GarbledReply):
            if strict:
                raise
            return signal.bad("fault")

    def pending_alarm(self) -> str:
        """Return the alarm that came unasked, if one did."""
        return self._alarm

    def forget_alarm(self) -> None:
        """Forget the alarm that came unasked: somebody has dealt with it."""
        self._alarm = ""

    async def run(self, name: str, lane: Lane) -> None:
        """Do an exchange by name; a query is asked and its reply looked at."""
        exchange = self.book.exchanges[name]
        if exchange.is_query:
            await self.ask(exchange.send.filled({}), lane=lane)
        else:
            await self.perform(exchange, {}, lane)


def _told(many: Sequence[Told], text: str) -> Told | None:
    return next((told for told in many if told.regex.fullmatch(text)), None)
