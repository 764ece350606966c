"""A description compiled: which exchange reads a field, which writes it, how their texts look."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from drivers.described.forms import Form, form_of
from drivers.described.model import Description, ErrorPart, ExchangePart, UnsolicitedPart
from drivers.described.pattern import Pattern, Slot, pattern
from drivers.signal import Value

SlotRegex = Callable[[Slot], str]


@dataclass(frozen=True)
class Exchange:
    """One request and its reply, compiled."""

    name: str
    part: ExchangePart
    send: Pattern
    reply: Pattern | None
    request: re.Pattern[str]  # of the request, with named groups
    answer: re.Pattern[str] | None  # of the reply, with named groups

    @property
    def constant(self) -> bool:
        """Return whether the request carries no value."""
        return not self.send.names

    @property
    def retry(self) -> str:
        """Return ``query``, ``command`` or ``idempotent``; what only asks is a query."""
        if self.part.retry is not None:
            return self.part.retry
        asks = self.constant and not self.part.sets and self.reply is not None
        return "query" if asks and self.reply and self.reply.names else "command"

    @property
    def is_query(self) -> bool:
        """Return whether it only asks."""
        return self.retry == "query"

    @property
    def answers(self) -> bool:
        """Return whether a reply is waited for."""
        return self.reply is not None and self.part.answered == "yes"


@dataclass(frozen=True)
class Told:
    """A text that comes unasked, or an error reply, compiled."""

    part: ErrorPart | UnsolicitedPart
    pattern: Pattern
    regex: re.Pattern[str]


@dataclass(frozen=True)
class Book:
    """All of a text protocol; made once for each description."""

    description: Description
    forms: Mapping[str, Form]
    exchanges: Mapping[str, Exchange]
    errors: tuple[Told, ...]
    unsolicited: tuple[Told, ...]
    _found: dict[str, Exchange | None] = field(default_factory=dict[str, "Exchange | None"])

    @cached_property
    def readers(self) -> Mapping[str, Exchange]:
        """Return the query that reads each field: the first of the file."""
        found: dict[str, Exchange] = {}
        for exchange in self.exchanges.values():
            if exchange.is_query and exchange.constant and exchange.reply is not None:
                for name in exchange.reply.names:
                    found.setdefault(name, exchange)
        return found

    @cached_property
    def writers(self) -> Mapping[str, Exchange]:
        """Return the exchange whose request carries each field."""
        found: dict[str, Exchange] = {}
        for exchange in self.exchanges.values():
            for name in exchange.send.names:
                found.setdefault(name, exchange)
        return found

    def setter(self, name: str, value: Value) -> Exchange | None:
        """Return the exchange whose bare request means this value of a field."""
        for exchange in self.exchanges.values():
            if exchange.part.sets.get(name) == value and name in exchange.part.sets:
                return exchange
        return None

    @cached_property
    def settable(self) -> frozenset[str]:
        """Return the fields that can be written."""
        bare = {name for exchange in self.exchanges.values() for name in exchange.part.sets}
        return frozenset(bare | set(self.writers))

    @cached_property
    def pushed(self) -> frozenset[str]:
        """Return the fields that come unasked."""
        return frozenset(name for told in self.unsolicited for name in told.pattern.names)

    def asked_by(self, text: str) -> Exchange | None:
        """Return the exchange a request belongs to."""
        if text not in self._found:
            if len(self._found) > 512:  # texts carry values: do not keep them for ever
                self._found.clear()
            found = (e for e in self.exchanges.values() if e.request.fullmatch(text))
            self._found[text] = next(found, None)
        return self._found[text]

    def slot_regex(self, slot: Slot) -> str:
        """Return the regular expression of a slot."""
        return self.forms[slot.name].regex(slot.picture)


def book_of(description: Description) -> Book:
    """Compile a description; raise ValueError or re.error at what is wrong in it."""
    forms = {name: form_of(part) for name, part in description.fields.items()}

    def of(slot: Slot) -> str:
        if slot.name not in forms:
            raise ValueError(f"{slot.name!r} is not one of the fields")
        return forms[slot.name].regex(slot.picture)

    def told(part: ErrorPart | UnsolicitedPart, text: str) -> Told:
        drawn = pattern(text)
        return Told(part, drawn, re.compile(drawn.regex(of)))

    return Book(
        description,
        forms,
        {name: _exchange(name, part, of) for name, part in description.exchanges.items()},
        tuple(told(part, part.reply) for part in description.errors),
        tuple(told(part, part.line) for part in description.unsolicited),
    )


def _exchange(name: str, part: ExchangePart, of: SlotRegex) -> Exchange:
    send = pattern(part.send)
    reply = pattern(part.reply) if part.reply is not None else None
    return Exchange(
        name,
        part,
        send,
        reply,
        re.compile(send.regex(of)),
        re.compile(reply.regex(of)) if reply is not None else None,
    )
