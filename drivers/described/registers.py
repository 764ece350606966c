"""A described Modbus instrument: its file's registers, on the planned reads of drivers.modbus."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from drivers.bus import Bus
from drivers.described.care import Care
from drivers.described.forms import KINDS, SWITCH, form_of
from drivers.described.model import Description, FieldPart
from drivers.described.wear import spared
from drivers.errors import CommandRejected, ReadbackMismatch, WrongInstrument
from drivers.modbus import ModbusInstrument, ModbusOptions
from drivers.modbus_signal import BoundModbus, ModbusSignal
from drivers.registers import Span
from drivers.signal import Lane, Limits, Reading, SignalSpec, Value
from drivers.table import Row


class RegisterRow(ModbusSignal):
    """A field as a row of the table; ``offset`` is added after scaling (degF, K)."""

    def __init__(
        self, part: FieldPart, word_order: str, bit: int | None, *, hidden: bool = False
    ) -> None:
        form = form_of(part)
        values = {int(text): value for text, value in (part.enum or {}).items()}
        if part.type == "bool" and bit is None and not values:
            values = {int(text): value for text, value in SWITCH.items()}
        poll_s = part.poll_s
        super().__init__(
            part.at or 0,
            part.form,
            part.unit,
            kind=KINDS[part.type],
            divisor=1.0 / form.scale,
            function=part.function,
            write_function=part.write_function,
            word_order="low" if (part.word_order or word_order) == "low" else "high",
            values=values,
            bit=bit,
            sentinels=None if part.sentinels is None else tuple(part.sentinels),
            writable=part.writable and bit is None,
            limits=part.limits,
            poll_s=None if poll_s == "never" or hidden else poll_s or 1.0,
            choices=tuple(value for value in values.values() if isinstance(value, str)),
            doc=part.doc,
        )
        self.offset, self.memory, self.tolerance = form.offset, part.memory, part.tolerance

    def bind(self, instrument: Any, spec: SignalSpec) -> "BoundRegister":
        """Return the signal of this instrument."""
        return BoundRegister(instrument, self, spec)

    def _number(self, counts: float, divisor: float) -> float:
        return round(super()._number(counts, divisor) + self.offset, 9)

    def _counts(self, value: Value, divisor: float) -> float:
        if not self.values and not isinstance(value, str | bool):
            value = value - self.offset
        return super()._counts(value, divisor)


class BoundRegister(BoundModbus):
    """A register of one instrument; what wears out the memory is written only to change it."""

    def __init__(self, owner: "DescribedModbus", row: RegisterRow, spec: SignalSpec) -> None:
        super().__init__(owner, row, spec)
        self.row: RegisterRow
        self._instrument = owner
        self.memory, self.written, self.tolerance = row.memory, False, row.tolerance

    def carried(self, value: Value) -> Value:
        """Return the value as the registers carry it; the instrument's answer to storing it."""
        return self.row.decode(self.row.encode(value))

    async def set(self, value: Value, lane: Lane = Lane.COMMAND) -> Reading:
        """Check, write once unless the instrument holds the value already, read back."""
        checked = self.checked(value)
        if self.memory is not None and self._fits(checked):
            held = await spared(self, self.spec.name, checked, lane)
            if held is not None:
                return held
        return await self.force(checked, lane)

    def _fits(self, value: Value) -> bool:
        """Return whether the registers can hold it; ``store`` raises the fault where not."""
        try:
            self.row.encode(value)
        except ValueError:
            return False
        return True

    async def force(self, value: Value, lane: Lane) -> Reading:
        """Write, and confirm; raise what the instrument says of a write that has not come about."""
        sent = await self.store(value, lane)
        reading = await self.read(lane)
        try:
            self.confirm(sent, reading)
        except ReadbackMismatch as mismatch:
            await self._instrument.refusal(mismatch.what)
            raise
        return reading


class DescribedModbus(Care, ModbusInstrument):
    """The base of the classes made of register maps."""

    hidden_rows: ClassVar[Mapping[str, Row]] = {}

    def __init__(
        self, name: str, bus: Bus, options: ModbusOptions, limits: Mapping[str, Limits]
    ) -> None:
        super().__init__(name, bus, options, limits)
        self.take_options(options, limits)
        hidden = {
            key: row.bind(self, row.spec(row.limits)) for key, row in self.hidden_rows.items()
        }
        self._shown = tuple(self.bound)
        self.bound = {**self.bound, **hidden}  # the reads are planned over all of them

    @property
    def signals(self) -> Mapping[str, BoundModbus]:
        """Return the signals by short name, in table order."""
        return {name: self.bound_row(name) for name in self._shown}

    def part(self, name: str) -> BoundModbus:
        """Return a field by name, hidden ones too."""
        return self.bound_row(name)

    async def gathered(
        self, names: Iterable[str], lane: Lane, *, strict: bool = False
    ) -> dict[str, Reading]:
        """Read fields by name in as few frames as possible."""
        wanted = tuple(names)
        if not wanted:
            return {}
        readings = await self.readings(wanted, lane, strict=strict)
        return dict(zip(wanted, readings, strict=True))

    async def run(self, name: str, lane: Lane) -> None:
        """Read a field: registers have no exchanges of their own."""
        await self.gathered((name,), lane, strict=True)

    async def identify(self) -> str:
        """Read the identity field, or the first one; raise WrongInstrument when it has none."""
        name = self.description.identity or self._any()[0]
        try:
            reading = (await self.gathered((name,), Lane.COMMAND, strict=True))[name]
        except CommandRejected as refusal:
            what = f"is no {self.description.title}: {refusal.what}"
            raise WrongInstrument(self.name, what) from None
        if self.description.identity is None:
            return f"{self.description.title} (has no identity register)"
        if reading.value is None:
            raise WrongInstrument(self.name, f"{name.strip('_')} holds no known value")
        return f"{self.description.title}, {name.strip('_')} {reading.value}"


def namespace(description: Description) -> dict[str, Any]:
    """Return what the class of a register map has."""
    modbus = description.modbus
    if modbus is None:
        raise ValueError("no [modbus] section")
    rows: dict[str, Row] = {}
    for name, part in description.fields.items():
        rows[name] = RegisterRow(part, modbus.word_order, None, hidden=name.startswith("_"))
        for bit_name, bit in part.bits.items():
            flag = part.model_copy(
                update={"type": "bool", "enum": None, "writable": False, "limits": None}
            )
            flag = flag.model_copy(update={"unit": "", "wire_unit": None, "scale": None})
            rows[bit_name] = RegisterRow(flag, modbus.word_order, bit)
    return {
        "rows": rows,
        "max_registers": modbus.max_registers,
        "bridges": tuple(Span(3, int(at), int(count)) for at, count in modbus.bridges),
        "line": _line(description),
    }


def _line(description: Description) -> Any:
    from drivers.modbus import MODBUS_LINE

    line = description.line
    return replace(
        MODBUS_LINE,
        baud_rate=line.baud_rate,
        data_bits=line.data_bits,
        parity=line.parity,
        stop_bits=line.stop_bits,
        gap_s=max(MODBUS_LINE.gap_s, line.gap_s),
    )
