"""One row of a Modbus instrument's table: registers to a value with a unit, and back."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite, isnan
from typing import Literal, Protocol, overload

from drivers.errors import CommandRejected, OutOfRange, ReadbackMismatch
from drivers.modbus_frames import READ_HOLDING, WRITE_MANY, WRITE_ONE
from drivers.registers import Span
from drivers.signal import Lane, Limits, Quality, Reading, SignalSpec, Value

Form = Literal["int16", "uint16", "int32", "uint32", "float32"]

_FORMATS: Mapping[Form, str] = {
    "int16": ">h",
    "uint16": ">H",
    "int32": ">i",
    "uint32": ">I",
    "float32": ">f",
}
GAP_SENTINEL = 0x8000  # what several makers answer for a register that holds nothing


class BadValue(Exception):
    """The registers hold no value; ``reason`` is that of a bad reading."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class ModbusSignal:
    """Where a signal lies and how its number is written; numbers on the wire are ``counts``.

    ``divisor``: counts per unit; None: the instrument's own (a display setting, say).
    ``values``: meaning of each count (an enumeration); others are bad; the first of a value is
    the one written. ``bit``: the signal is this bit of the word. ``sentinels``: counts that say
    there is no value; by default 8000h for int16. ``word_order``: ``high`` word first, or ``low``.
    """

    register: int  # 0-based, as on the wire
    form: Form = "int16"
    unit: str = ""
    kind: type[float] | type[int] | type[bool] | type[str] = float
    divisor: float | None = 1.0
    function: int = READ_HOLDING
    write_function: int | None = None  # default: 06 for one register, 16 for two
    word_order: Literal["high", "low"] = "high"
    writable: bool = False
    limits: Limits | None = None
    poll_s: float | None = 1.0
    doc: str = ""
    values: Mapping[int, Value] = field(default_factory=dict[int, Value])
    bit: int | None = None
    sentinels: tuple[int, ...] | None = None
    name: str = field(default="", init=False, compare=False)

    def __set_name__(self, owner: type, name: str) -> None:
        object.__setattr__(self, "name", name)  # frozen, but the class body names it once

    @overload
    def __get__(self, instance: None, owner: type) -> "ModbusSignal": ...
    @overload
    def __get__(self, instance: "ModbusOwner", owner: type) -> "BoundModbusSignal": ...
    def __get__(
        self, instance: "ModbusOwner | None", owner: type
    ) -> "ModbusSignal | BoundModbusSignal":
        return self if instance is None else instance.signals[self.name]

    @property
    def span(self) -> Span:
        """Return the registers it lies in."""
        return Span(self.function, self.register, struct.calcsize(_FORMATS[self.form]) // 2)

    @property
    def writes_by(self) -> int:
        """Return the function that writes it."""
        return self.write_function or (WRITE_ONE if self.span.count == 1 else WRITE_MANY)

    def spec(self, name: str, limits: Limits | None = None) -> SignalSpec:
        """Return what the signal is, to the rest of the world."""
        kind = bool if self.bit is not None else self.kind
        choices = tuple(str(value) for value in dict.fromkeys(self.values.values()))
        return SignalSpec(
            name=name,
            kind=kind,
            unit=self.unit,
            writable=self.writable,
            limits=limits or self.limits,
            poll_s=self.poll_s,
            doc=self.doc,
            choices=choices if kind is str else (),
        )

    def decode(self, registers: Sequence[int], divisor: float = 1.0) -> Value:
        """Return the value in the registers; raise BadValue when they hold none.

        Args:
            registers: as many as ``span.count``, in wire order.
            divisor: the instrument's own, used when the row has none.
        """
        words = registers if self.word_order == "high" else registers[::-1]
        raw = struct.pack(f">{len(words)}H", *words)
        if self.form == "float32":
            return self._number(struct.unpack(">f", raw)[0], divisor)
        counts: int = struct.unpack(_FORMATS[self.form], raw)[0]
        if int.from_bytes(raw, "big") in self._sentinels():
            raise BadValue("sentinel")
        if self.bit is not None:
            return bool(counts >> self.bit & 1)
        if self.values:
            if counts not in self.values:
                raise BadValue("sentinel")
            return self.values[counts]
        return counts if self.kind is int else self._number(counts, divisor)

    def _sentinels(self) -> tuple[int, ...]:
        if self.sentinels is not None:
            return self.sentinels
        return (GAP_SENTINEL,) if self.form == "int16" else ()

    def _number(self, counts: float, divisor: float) -> float:
        value = counts / (self.divisor or divisor)
        if isnan(value):
            raise BadValue("nan")
        if not isfinite(value):
            raise BadValue("range")
        return value

    def encode(self, value: Value, divisor: float = 1.0) -> tuple[int, ...]:
        """Return the registers that hold the value; raise ValueError when none can."""
        if self.values:
            counts: float = next((c for c, v in self.values.items() if v == value), -1)
            if counts < 0:
                raise ValueError(f"must be one of {sorted(set(map(str, self.values.values())))}")
        elif isinstance(value, str):
            raise ValueError("must be a number")
        else:
            counts = value * (self.divisor or divisor)
        try:
            number = counts if self.form == "float32" else round(counts)
            raw = struct.pack(_FORMATS[self.form], number)
        except (struct.error, OverflowError):
            raise ValueError(f"does not fit {self.form}") from None
        words = struct.unpack(f">{len(raw) // 2}H", raw)
        if len(words) == 1 and words[0] in self._sentinels():
            raise ValueError(f"{words[0]:04X}h means there is no value")
        return words if self.word_order == "high" else words[::-1]

    def same(self, held: Value | None, wanted: Value, divisor: float = 1.0) -> bool:
        """Return whether a read-back is what was written, within the resolution of the wire."""
        if self.values or isinstance(held, str) or isinstance(wanted, str) or held is None:
            return held == wanted
        if self.form == "float32":
            return abs(held - wanted) <= 1e-6 * max(1.0, abs(wanted))
        return abs(held - wanted) <= 0.501 / (self.divisor or divisor)


class ModbusOwner(Protocol):
    """What a bound row needs of its instrument."""

    name: str
    divisor: float

    @property
    def signals(self) -> Mapping[str, "BoundModbusSignal"]:
        """Return the bound rows by name."""
        ...

    async def readings(
        self, names: tuple[str, ...], lane: Lane, *, strict: bool = False
    ) -> Sequence[Reading]:
        """Read rows by name."""
        ...

    async def write_registers(
        self, start: int, registers: tuple[int, ...], function: int, lane: Lane
    ) -> None:
        """Write registers, once."""
        ...

    async def written(self, signal: "BoundModbusSignal", lane: Lane) -> None:
        """Do what must follow a write before it is read back."""
        ...


class BoundModbusSignal:
    """A row of the table bound to its instrument."""

    def __init__(self, owner: ModbusOwner, row: ModbusSignal, spec: SignalSpec) -> None:
        self.owner, self.row = owner, row
        self.spec = spec

    @property
    def full_name(self) -> str:
        """Return ``<instrument>.<name>``."""
        return f"{self.owner.name}.{self.spec.name}"

    async def read(self, lane: Lane = Lane.POLL) -> Reading:
        """Ask the unit; raise InstrumentError when it refuses or does not answer."""
        (reading,) = await self.owner.readings((self.spec.name,), lane, strict=True)
        return reading

    async def set(self, value: Value, lane: Lane = Lane.COMMAND) -> Reading:
        """Check the limits, write once, read back; return the read-back."""
        await self.write(value, lane)
        await self.owner.written(self, lane)
        reading = await self.read(lane)
        if not self.row.same(reading.value, value, self.owner.divisor):
            held = f"{reading.value!r} {reading.reason}".strip()
            raise ReadbackMismatch(self.owner.name, f"{self.spec.name} is {held}, not {value!r}")
        return reading

    async def write(self, value: Value, lane: Lane = Lane.COMMAND) -> None:
        """Check the limits and write once, without reading back."""
        self.check(value)
        try:
            registers = self.row.encode(value, self.owner.divisor)
        except ValueError as error:
            what = f"{self.spec.name} = {value!r}: {error}"
            raise OutOfRange(self.owner.name, what) from None
        await self.owner.write_registers(self.row.register, registers, self.row.writes_by, lane)

    def check(self, value: Value) -> None:
        """Raise OutOfRange when the value must not be sent."""
        name, limits = self.spec.name, self.spec.limits
        if not self.spec.writable:
            raise CommandRejected(self.owner.name, f"{name} cannot be written")
        if isinstance(value, float) and not isfinite(value):
            raise OutOfRange(self.owner.name, f"{name} = {value!r} is not a number")
        if limits is not None and (isinstance(value, str) or value not in limits):
            what = f"{name} = {value!r}, limits are {limits} {self.spec.unit}".rstrip()
            raise OutOfRange(self.owner.name, what)

    def reading(self, registers: Sequence[int] | None, t: float) -> Reading:
        """Return what the registers say; None: the unit refused to show them."""
        if registers is None:
            return self.bad("fault", t)
        try:
            value = self.row.decode(registers, self.owner.divisor)
        except BadValue as bad:
            return self.bad(bad.reason, t)
        return Reading(self.full_name, value, self.spec.unit, t)

    def bad(self, reason: str, t: float) -> Reading:
        """Return a bad reading."""
        return Reading(self.full_name, None, self.spec.unit, t, Quality.BAD, reason)
