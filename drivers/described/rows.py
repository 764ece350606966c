"""Rows of a described text instrument: one field each, read by one exchange, written by another."""

import asyncio
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from drivers.ascii import AsciiSignal, BoundAscii
from drivers.described.book import Book
from drivers.described.forms import Form
from drivers.described.model import FieldPart
from drivers.described.wear import spared
from drivers.errors import GarbledReply, OutOfRange
from drivers.signal import Lane, Quality, Reading, SignalSpec, Value
from drivers.table import Kind, Row

if TYPE_CHECKING:
    from drivers.described.text import DescribedText

STALE_S = 10.0  # a value that comes unasked is old after so long, unless it says how often it comes


@dataclass(frozen=True)
class Place:
    """Where a field stands in the replies, and what may be done with it."""

    field: str
    form: Form
    query: str = ""  # the request that reads it; empty: none does
    regex: str = ""  # of that reply; the field is the group of its name
    picture: str = ""
    bit: int | None = None
    writable: bool = False
    memory: str | None = None
    pushed_s: float | None = None  # comes unasked, and is old after so long


class FieldSignal(AsciiSignal):
    """A field as a row of the table."""

    def __init__(self, kind: Kind, unit: str, place: Place, **more: Any) -> None:
        super().__init__(
            kind,
            unit,
            read=place.query,
            write="" if place.writable else None,
            reply=place.regex or None,
            **more,
        )
        self.place = place

    def bind(self, instrument: Any, spec: SignalSpec) -> "BoundField":
        """Return the signal of this instrument."""
        return BoundField(instrument, self, spec)


class BoundField(BoundAscii):
    """A field of one instrument."""

    def __init__(self, owner: "DescribedText", row: FieldSignal, spec: SignalSpec) -> None:
        super().__init__(owner, row, spec)
        self._instrument, self.place = owner, row.place
        self.memory, self.written = row.place.memory, False
        self._known: Value | None = None  # what came unasked, or was written where none can ask
        self._known_at = float("-inf")

    @property
    def readable(self) -> bool:
        """Return whether there is a query for it."""
        return bool(self.place.query)

    async def read(self, lane: Lane = Lane.POLL) -> Reading:
        """Ask the instrument; what cannot be asked is what is known of it."""
        return await super().read(lane) if self.readable else self.known()

    async def polled(self, replies: dict[str, str]) -> Reading:
        """Read it as one of a poll; what cannot be asked is what is known of it."""
        return await super().polled(replies) if self.readable else self.known()

    def known(self) -> Reading:
        """Return what came unasked, or what was last written, which nobody has confirmed."""
        if self._known is None:
            return self.bad("stale")
        if self.place.pushed_s is None:
            return replace(self.reading(self._known), quality=Quality.UNCERTAIN)
        if asyncio.get_running_loop().time() - self._known_at > self.place.pushed_s:
            return self.bad("stale")
        return replace(self.reading(self._known), t=self._known_at)

    def note(self, value: Value | None) -> None:
        """Keep a value that came unasked or was written; None: it is not known any more."""
        self._known, self._known_at = value, asyncio.get_running_loop().time()

    async def set(self, value: Value, lane: Lane = Lane.COMMAND) -> Reading:
        """Check, write once, read back; what wears out the memory is written only to change it.

        What cannot be read back is written between two questions that are answered, and again
        where that does no harm: then the line carried it.
        """
        checked = self.checked(value)
        self.checked(self.carried(checked))  # rounding must not lead over a limit
        if self.memory is not None:
            held = await spared(self, self.spec.name, checked, lane)
            if held is not None:
                return held
        return await self.force(checked, lane)

    async def force(self, value: Value, lane: Lane) -> Reading:
        """Write whatever the limits say (a safe state may lie outside), and confirm."""
        if self.readable:
            sent = await self.store(value, lane)
            reading = await self.read(lane)
            await self._instrument.explained(self, sent, reading)
            return reading
        if lane is not Lane.TRIP:  # in a trip acting comes first
            await self._instrument.proven(lane)
        sent = await self.store(value, lane)
        await self._instrument.proven(lane)
        if self._instrument.harmless_twice(self, value):
            await self.store(value, lane)
            await self._instrument.proven(lane)
        self.note(sent)
        return self.known()

    async def store(self, value: Value, lane: Lane) -> Value:
        """Write once; return the value rounded as its text is."""
        if not self.readable:
            self.note(None)
        return await self._instrument.write(self, value, lane)

    def wire(self, value: Value) -> tuple[str, Value]:
        """Return the text of a value, and the value it carries; raise OutOfRange."""
        book = self._instrument.book
        if self.place.field not in book.writers:
            if book.setter(self.place.field, value) is None:
                raise OutOfRange(self.instrument, f"{self.spec.name} cannot be set to {value!r}")
            return "", value
        drawn = book.writers[self.place.field].send.slot(self.place.field).picture
        try:
            text, sent = self.place.form.text(value, drawn)
        except ValueError as error:
            what = f"{self.spec.name} cannot be set to {value!r}: {error}"
            raise OutOfRange(self.instrument, what) from None
        return text, sent

    def carried(self, value: Value) -> Value:
        """Return the value as the wire carries it."""
        return self.wire(value)[1]

    def parsed(self, text: str) -> Value:
        """Return the value a reply carries; raise BadValue or GarbledReply."""
        found = re.fullmatch(self.row.reply or "", text)
        if found is None:
            raise self.garbled(text)
        try:
            value = self.place.form.value(found[self.place.field], self.place.picture)
        except ValueError:
            raise self.garbled(text) from None
        return value if self.place.bit is None else bool(int(value) >> self.place.bit & 1)

    def garbled(self, text: str) -> GarbledReply:
        """Return the fault of a reply that is none, and doubt the line."""
        return self._garbled(text)


def rows_of(book: Book) -> dict[str, Row]:
    """Return the rows of a text description by field name, hidden ones (``_name``) among them."""
    rows: dict[str, Row] = {}
    for name, part in book.description.fields.items():
        place = _place(book, name, part)
        rows[name] = _row(part, place, part.poll_s)
        for bit_name, bit in part.bits.items():
            rows[bit_name] = _row(
                FieldPart(type="bool", doc=f"bit {bit} of {name}"),
                replace(place, bit=bit, writable=False),
                part.poll_s,
            )
    return rows


def _place(book: Book, name: str, part: FieldPart) -> Place:
    reader = book.readers.get(name)
    place = Place(
        name,
        book.forms[name],
        writable=name in book.settable,
        memory=part.memory,
        pushed_s=_pushed_s(book, name),
    )
    if reader is None or reader.reply is None:
        return place
    return replace(
        place,
        query=reader.send.filled({}),
        regex=reader.reply.regex(book.slot_regex),
        picture=reader.reply.slot(name).picture,
    )


def _pushed_s(book: Book, name: str) -> float | None:
    for told in book.unsolicited:
        if name in told.pattern.names:
            every_s = getattr(told.part, "every_s", None)
            return STALE_S if every_s is None else max(1.0, 3 * every_s)
    return None


def _row(part: FieldPart, place: Place, poll_s: float | str | None) -> FieldSignal:
    known = bool(place.query) or place.pushed_s is not None
    every_s = None if poll_s == "never" or not known else poll_s or 1.0
    choices = tuple(v for v in (part.enum or {}).values() if isinstance(v, str))
    return FieldSignal(
        {"float": float, "int": int, "bool": bool, "text": str}[part.type],
        part.unit,
        place,
        limits=part.limits,
        poll_s=every_s,
        tolerance=part.tolerance,
        choices=choices,
        doc=part.doc,
    )
