"""A simulated Modbus instrument made of a description file: its register map."""

import struct
from collections.abc import Sequence
from typing import ClassVar

from simulators.described.sheet import Sheet, Table
from simulators.described.state import State
from simulators.described.values import Value, Wrong
from simulators.instruments.base import Ports
from simulators.ports import Clock
from simulators.wire.modbus import ILLEGAL_ADDRESS, ILLEGAL_VALUE, ModbusFault, ModbusServer

_NAN = b"\x7f\xc0\x00\x00"
_CODES = {"int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "float32": "f"}


class SimDescribedModbus(ModbusServer):
    """Registers as the file maps them; the plant behind it is the world's."""

    functions: ClassVar[frozenset[int]] = frozenset({3, 4, 6, 8, 16})

    def __init__(
        self, described: Sheet, name: str, options: Table, ports: Ports, clock: Clock
    ) -> None:
        modbus = described.part("modbus")
        super().__init__(name, clock, self, {int(options.get("address", modbus.get("address", 1)))})
        self.functions = frozenset({*modbus.get("functions", (3, 4, 6, 16)), 8})  # type: ignore[misc]
        self.latency_s = float(described.part("simulated").get("latency_s", 0.005))
        self.sheet = described
        self.state = State(described, name, ports, clock)
        self._low_first = modbus.get("word_order", "high") == "low"
        self._at = {
            int(table["at"]): field for field, table in described.fields.items() if "at" in table
        }

    def read(self, address: int, count: int) -> Sequence[int]:
        """Return registers; whole values only, and nothing that is not in the map."""
        self.state.fed()
        self.state.look()
        found: list[int] = []
        while len(found) < count:
            field = self._field(address + len(found))
            found += self._registers(field)
        if len(found) > count:
            raise ModbusFault(ILLEGAL_ADDRESS)  # it would cut a value
        return found

    def write(self, address: int, values: Sequence[int]) -> None:
        """Write whole values; all are checked first."""
        self.state.fed()
        left, taken = list(values), dict[str, Value]()
        while left:
            field = self._field(address)
            size = self._size(field)
            words, left = left[:size], left[size:]
            if len(words) < size or not self.sheet.fields[field].get("writable"):
                raise ModbusFault(ILLEGAL_ADDRESS)
            taken[field] = self._value(field, words)
            address += size
        if not self.state.ready():
            raise ModbusFault(ILLEGAL_VALUE)
        self.state.put(taken)

    def _field(self, address: int) -> str:
        try:
            return self._at[address]
        except KeyError:
            raise ModbusFault(ILLEGAL_ADDRESS) from None

    def _form(self, field: str) -> str:
        return ">" + _CODES[self.sheet.fields[field].get("form", "int16")]

    def _size(self, field: str) -> int:
        return struct.calcsize(self._form(field)) // 2

    def _ordered(self, field: str, words: list[int]) -> list[int]:
        order = self.sheet.fields[field].get("word_order")
        low_first = self._low_first if order is None else order == "low"
        return words[::-1] if low_first else words

    def _registers(self, field: str) -> list[int]:
        value, form = self.state.value(field), self._form(field)
        if value is None:
            data = self._nothing(field)
        else:
            raw = self.state.cells[field].raw(value)
            data = struct.pack(form, raw if form == ">f" else _clipped(round(raw), form))
        return self._ordered(field, list(struct.unpack(f">{len(data) // 2}H", data)))

    def _nothing(self, field: str) -> bytes:
        """Return what stands for no value."""
        size = 2 * self._size(field)
        sentinels = self.sheet.fields[field].get("sentinels")
        if sentinels:
            return int(sentinels[0]).to_bytes(size, "big")
        return _NAN if self._form(field) == ">f" else b"\x80".ljust(size, b"\0")

    def _value(self, field: str, words: list[int]) -> Value:
        data = struct.pack(f">{len(words)}H", *self._ordered(field, words))
        (raw,) = struct.unpack(self._form(field), data)
        try:
            return self.state.cells[field].of_raw(raw)
        except Wrong as wrong:
            self.state.note(wrong.how)
            raise ModbusFault(ILLEGAL_VALUE) from None


def _clipped(number: int, form: str) -> int:
    bits = 8 * struct.calcsize(form)
    if form in (">H", ">I"):
        return min(max(number, 0), (1 << bits) - 1)
    return min(max(number, -(1 << bits - 1)), (1 << bits - 1) - 1)
