"""What may be sent from the console without leave: queries, as far as the driver declares them.

Declared are the queries of the table's rows, the fence, ``declared_queries`` of the driver, and its
probes at this address. Beside them, whatever the driver itself has asked to read, poll or identify
is known to be a query from then on. The rest may set or move something, and nobody can tell by
looking.
"""

from typing import Any, cast

from daemon.finding.candidates import medium_of
from drivers.ascii import BoundAscii
from drivers.modbus import ModbusInstrument
from drivers.modbus_signal import BoundModbus
from drivers.probes import Address, probes_of
from drivers.registers import Span
from drivers.roles import Instrument
from drivers.table import BadValue


class Queries:
    """What is known to ask only, of one instrument; grows with what its driver asks."""

    def __init__(self, instrument: Instrument, port: str, address: Address) -> None:
        self._instrument = instrument
        self.texts = self._declared()  # with the signals that each fills
        self.data: set[bytes] = set()
        for probe in probes_of(type(instrument)):
            if medium_of(port) in probe.over:
                self.data.add(probe.asked(address if probe.addresses else None))
        self._listen()

    def _declared(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, signal in self._instrument.signals.items():
            if (text := _query_of(signal)) is not None:
                found.setdefault(text, []).append(name)
        for text in getattr(self._instrument, "declared_queries", ()):
            found.setdefault(str(text), [])
        if fence := getattr(self._instrument, "fence", None):
            found.setdefault(str(fence), [])
        return found

    def _listen(self) -> None:
        """Learn each text that the driver itself asks."""
        ask: Any = getattr(self._instrument, "ask", None)
        if ask is None:
            return

        async def learning(text: str, **more: Any) -> str:
            self.texts.setdefault(text, [])
            return cast("str", await ask(text, **more))

        setattr(self._instrument, "ask", learning)  # noqa: B010 -- a Protocol has no such attribute

    def values(self, text: str, reply: str) -> dict[str, Any]:
        """Return what a reply to a query says, by signal; BadValue where it has no value.

        Raises InstrumentError when the reply is not valid.
        """
        found: dict[str, Any] = {}
        for name in self.texts.get(text, []):
            signal: Any = self._instrument.signals[name]
            try:
                found[name] = signal.parsed(reply)
            except BadValue as bad:
                found[name] = bad
        return found


def _query_of(signal: object) -> str | None:
    """Return the text that asks for a signal, where its driver declares one and can parse it."""
    if isinstance(signal, BoundAscii):
        return signal.row.read
    query = getattr(signal, "query", None)
    return query if isinstance(query, str) and hasattr(signal, "parsed") else None


def declares(instrument: ModbusInstrument, span: Span) -> bool:
    """Return whether the driver's map has all registers of a span."""
    known = {
        (own.function, register)
        for own in (*instrument.bridges, *(_bound(instrument, n).span for n in instrument.bound))
        for register in range(own.start, own.end)
    }
    return all((span.function, register) in known for register in range(span.start, span.end))


def signals_in(
    instrument: ModbusInstrument, span: Span, registers: tuple[int, ...]
) -> list[tuple[str, Any]]:
    """Return the readings of the rows that lie in registers that were read, by name."""
    found: list[tuple[str, Any]] = []
    for name in instrument.bound:
        signal = _bound(instrument, name)
        if span.holds(signal.span):
            own = registers[signal.span.start - span.start : signal.span.end - span.start]
            found.append((name, instrument.converted(signal, signal.decoded(own))))
    return found


def _bound(instrument: ModbusInstrument, name: str) -> BoundModbus:
    return instrument.bound_row(name)
