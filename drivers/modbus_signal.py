"""One row of a Modbus instrument's table: registers to a value with a unit, and back."""

import struct
from collections.abc import Mapping, Sequence
from math import isinf, isnan
from typing import Any, Literal, Protocol

from drivers.errors import OutOfRange
from drivers.modbus_frames import READ_HOLDING, WRITE_MANY, WRITE_ONE
from drivers.registers import Span
from drivers.signal import Lane, Reading, SignalSpec, Value
from drivers.table import BadValue, BoundSignal, Kind, Row

Form = Literal["int16", "uint16", "int32", "uint32", "float32"]

_FORMATS: Mapping[Form, str] = {
    "int16": ">h",
    "uint16": ">H",
    "int32": ">i",
    "uint32": ">I",
    "float32": ">f",
}
GAP_SENTINEL = 0x8000  # what several makers answer for a register that holds nothing


class ModbusSignal(Row):
    """Where a signal lies and how its number is written; numbers on the wire are ``counts``.

    ``register`` is 0-based, as on the wire. ``divisor``: counts per unit; None: the instrument's
    own (a display setting, say). ``values``: the meaning of each count (an enumeration); others
    are bad; the first count of a value is the one written. ``bit``: the signal is this bit of the
    word. ``sentinels``: counts that say there is no value; by default 8000h for int16.
    ``word_order``: ``high`` word first, or ``low``. Written by function 06 or 16, as
    ``write_function`` says or else as its length needs.
    """

    def __init__(
        self,
        register: int,
        form: Form = "int16",
        unit: str = "",
        *,
        kind: Kind = float,
        divisor: float | None = 1.0,
        function: int = READ_HOLDING,
        write_function: int | None = None,
        word_order: Literal["high", "low"] = "high",
        values: Mapping[int, Value] | None = None,
        bit: int | None = None,
        sentinels: tuple[int, ...] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(kind, unit, **more)
        self.register, self.kind, self.divisor = register, kind, divisor
        self.form: Form = form
        self.function, self.values, self.bit = function, values or {}, bit
        self.count = struct.calcsize(_FORMATS[form]) // 2
        self.writes_by = write_function or (WRITE_ONE if self.count == 1 else WRITE_MANY)
        self._high_first = word_order == "high"
        default = (GAP_SENTINEL,) if form == "int16" else ()
        self.sentinels = default if sentinels is None else sentinels

    def bind(self, instrument: "ModbusOwner", spec: SignalSpec) -> "BoundModbus":
        """Return the signal of this instrument."""
        return BoundModbus(instrument, self, spec)

    def decode(self, registers: Sequence[int], divisor: float = 1.0) -> Value:
        """Return the value in the registers; raise BadValue when they hold none.

        Args:
            registers: as many as ``count``, in wire order.
            divisor: the instrument's own, used when the row has none.
        """
        words = registers if self._high_first else registers[::-1]
        raw = struct.pack(f">{len(words)}H", *words)
        counts: float = struct.unpack(_FORMATS[self.form], raw)[0]
        if self.form == "float32":
            return self._number(counts, divisor)
        if int.from_bytes(raw, "big") in self.sentinels:
            raise BadValue("sentinel")
        counts = int(counts)
        if self.bit is not None:
            return bool(counts >> self.bit & 1)
        if self.values:
            if counts not in self.values:
                raise BadValue("sentinel")
            return self.values[counts]
        return counts if self.kind is int else self._number(counts, divisor)

    def _number(self, counts: float, divisor: float) -> float:
        value = counts / (self.divisor or divisor)
        if isnan(value):
            raise BadValue("nan")
        if isinf(value):
            raise BadValue("range")
        return value

    def encode(self, value: Value, divisor: float = 1.0) -> tuple[int, ...]:
        """Return the registers that hold the value; raise ValueError when none can."""
        counts = self._counts(value, divisor)
        try:
            raw = struct.pack(
                _FORMATS[self.form], counts if self.form == "float32" else round(counts)
            )
        except (struct.error, OverflowError):
            raise ValueError(f"does not fit {self.form}") from None
        if int.from_bytes(raw, "big") in self.sentinels:
            raise ValueError(f"{raw.hex().upper()}h means that there is no value")
        words = struct.unpack(f">{self.count}H", raw)
        return words if self._high_first else words[::-1]

    def _counts(self, value: Value, divisor: float) -> float:
        if self.values:
            for counts, meaning in self.values.items():
                if meaning == value:
                    return counts
            raise ValueError(f"must be one of {', '.join(map(str, self.values.values()))}")
        if not isinstance(value, str):
            return value * (self.divisor or divisor)
        raise ValueError("must be a number")


class ModbusOwner(Protocol):
    """What a bound row needs of its instrument."""

    name: str
    divisor: float

    def register_of(self, row: ModbusSignal) -> int:
        """Return where the row lies in this instrument."""
        ...

    async def readings(
        self, names: tuple[str, ...], lane: Lane, *, strict: bool = False
    ) -> Sequence[Reading]:
        """Read rows by name; what the unit refuses is bad, or raised when ``strict``."""
        ...

    async def write_registers(
        self, start: int, registers: tuple[int, ...], function: int, lane: Lane
    ) -> None:
        """Write registers, once."""
        ...

    async def settle_scale(self) -> None:
        """Know the divisor of the rows that have none of their own."""
        ...

    async def written(self, signal: "BoundModbus", lane: Lane) -> None:
        """Do what must follow a write before it is read back."""
        ...


class BoundModbus(BoundSignal):
    """A row of the table bound to its instrument."""

    def __init__(self, owner: ModbusOwner, row: ModbusSignal, spec: SignalSpec) -> None:
        super().__init__(owner.name, spec)
        self._owner, self.row = owner, row
        self.span = Span(row.function, owner.register_of(row), row.count)

    async def read(self, lane: Lane = Lane.POLL) -> Reading:
        """Ask the unit; raise InstrumentError when it refuses or does not answer."""
        (reading,) = await self._owner.readings((self.spec.name,), lane, strict=True)
        return reading

    async def fetch(self, lane: Lane) -> Value:
        """Return the value; raise BadValue when there is none."""
        reading = await self.read(lane)
        if reading.value is None:
            raise BadValue(reading.reason)
        return reading.value

    async def store(self, value: Value, lane: Lane) -> Value:
        """Write once; return the value as its registers carry it."""
        if self.row.divisor is None:
            await self._owner.settle_scale()
        try:
            registers = self.row.encode(value, self._owner.divisor)
        except ValueError as error:
            what = f"{self.spec.name} cannot be set to {value!r}: {error}"
            raise OutOfRange(self.instrument, what) from None
        sent = self.checked(self.row.decode(registers, self._owner.divisor))  # as rounded
        await self._owner.write_registers(self.span.start, registers, self.row.writes_by, lane)
        await self._owner.written(self, lane)
        return sent

    def decoded(self, registers: Sequence[int] | None) -> Reading:
        """Return what the registers say; None: the unit refused to show them."""
        if registers is None:
            return self.bad("fault")
        try:
            return self.reading(self.row.decode(registers, self._owner.divisor))
        except BadValue as bad:
            return self.bad(bad.reason)
