"""Instruments that speak Modbus: a table of registers, planned reads, confirmed writes.

A driver is a class with :class:`ModbusSignal` attributes. Polls read the wanted ones in the frames
of :mod:`drivers.registers`; a write is sent once and read back. Framing is RTU on serial lines and
``socket://``, and Modbus TCP on ``modbus-tcp://`` (:mod:`drivers.modbus_frames`). Several units
share a line, told apart by their address.

Exceptions of a unit become faults: 01 to 03, 05 and 06 :class:`ModbusRejected`, 04
:class:`DeviceFault`, 0A and 0B (from a gateway) :class:`GatewayNoReply`.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Literal, cast

from pydantic import Field

from drivers.bus import Bus
from drivers.errors import (
    CommandRejected,
    DeviceFault,
    GarbledReply,
    InstrumentError,
    NoReply,
)
from drivers.fence import Fence, StillInDoubt
from drivers.modbus_frames import (
    DIAGNOSTIC,
    WRITE_MANY,
    WRITE_ONE,
    Answer,
    Framing,
    answer,
    codec_for,
    echo_request,
    framing_of,
    numbered,
    read_request,
    write_request,
)
from drivers.modbus_signal import BoundModbus, ModbusSignal
from drivers.options import DriverOptions, SerialOptions
from drivers.registers import MAX_REGISTERS, Span, plan, serial_overhead
from drivers.signal import Lane, Limits, Reading
from drivers.table import TableInstrument
from drivers.transport.base import LineSpec

# 3.5 characters at 9600 baud between frames (Modbus over serial line 1.02, 2.5.1.1)
MODBUS_LINE = LineSpec(codec=codec_for, baud_rate=9600, gap_s=0.004, quiet_s=0.05)

TCP_OVERHEAD = 60  # a round trip on a network outweighs registers: about 120 bytes of it
WRITES = frozenset({WRITE_ONE, WRITE_MANY})
ATTEMPTS = 2  # of a query; a write is sent once

_EXCEPTIONS = {
    1: "unknown function",
    2: "unknown register",
    3: "value or count not allowed",
    4: "device failure",
    5: "accepted, but still working on it",
    6: "busy",
    10: "gateway: no path to the unit",
    11: "gateway: the unit does not answer",
}

Match = Callable[[Answer], bool]
Before = Callable[[], None]  # called just before a request is sent


class ModbusRejected(CommandRejected):
    """The unit answered with an exception; nothing changed."""

    def __init__(self, instrument: str, what: str, exception: int) -> None:
        super().__init__(instrument, what)
        self.exception = exception


class GatewayNoReply(NoReply):
    """The gateway says that the unit behind it does not answer."""

    def __init__(self, instrument: str, request: bytes, why: str) -> None:
        InstrumentError.__init__(self, instrument, f"{why} (check power, cable and address)")
        self.request = request


class ModbusOptions(SerialOptions):
    """Options of every Modbus instrument."""

    timeout_s: Annotated[float, Field(gt=0, le=60)] = 0.5
    address: Annotated[int, Field(ge=1, le=255)] = 1  # 248 to 255 on Modbus TCP only
    parity: Literal["N", "E", "O"] = "N"

    def line(self, line: LineSpec) -> LineSpec:
        """Return the line with the configured rate, echo and parity."""
        return replace(super().line(line), parity=self.parity)


class ModbusInstrument(TableInstrument):
    """The base of Modbus drivers; see the module."""

    Options: ClassVar[type[DriverOptions]] = ModbusOptions
    line: ClassVar[LineSpec] = MODBUS_LINE

    # registers without a signal that the manual documents: a frame may run across them
    bridges: ClassVar[tuple[Span, ...]] = ()
    max_registers: ClassVar[int] = MAX_REGISTERS
    divisor: float = 1.0  # counts per unit, for rows without their own

    def __init__(
        self, name: str, bus: Bus, options: ModbusOptions, limits: Mapping[str, Limits]
    ) -> None:
        self._bus, self._unit, self._timeout_s = bus, options.address, options.timeout_s
        self._framing: Framing = framing_of(bus.port)
        self._transaction = 0
        self._fence = Fence()
        self._mark = 0  # of the last fence
        self._plans: dict[tuple[str, ...], tuple[Span, ...]] = {}
        super().__init__(name, limits)

    def register_of(self, row: ModbusSignal) -> int:
        """Return where a row lies; a driver may move rows to fit its options."""
        return row.register

    def bound_row(self, name: str) -> BoundModbus:
        """Return a signal of the table by name."""
        return cast("BoundModbus", self.bound[name])  # every row here is a ModbusSignal

    async def poll(self, names: Sequence[str]) -> Sequence[Reading]:
        """Read these signals in the fewest registers' worth of line time."""
        return await self.readings(tuple(names), Lane.POLL)

    async def readings(
        self, names: tuple[str, ...], lane: Lane, *, strict: bool = False
    ) -> list[Reading]:
        """Read these signals; what the unit refuses is bad, or raised when ``strict``."""
        if any(self.bound_row(name).row.divisor is None for name in names):
            await self.settle_scale()
        held: dict[Span, tuple[int, ...] | None] = {}
        for frame in self._planned(names):
            try:
                held[frame] = await self.read_registers(
                    frame.start, frame.count, lane=lane, function=frame.function
                )
            except (ModbusRejected, DeviceFault):
                if strict:
                    raise
                held[frame] = None
        return [self._reading(self.bound_row(name), held) for name in names]

    def _reading(self, signal: BoundModbus, held: Mapping[Span, tuple[int, ...] | None]) -> Reading:
        span = signal.span
        frame = next(frame for frame in held if frame.holds(span))
        registers = held[frame]
        if registers is not None:
            registers = registers[span.start - frame.start : span.end - frame.start]
        return self.converted(signal, signal.decoded(registers))

    def converted(self, signal: BoundModbus, reading: Reading) -> Reading:  # noqa: ARG002 -- for drivers to override
        """Return the reading as the rest of the world wants it; a driver may convert units here."""
        return reading

    def _planned(self, names: tuple[str, ...]) -> tuple[Span, ...]:
        if names not in self._plans:
            self._plans[names] = plan(
                (self.bound_row(name).span for name in names),
                [*self.bridges, *(self.bound_row(name).span for name in self.bound)],
                max_count=self.max_registers,
                overhead=self._frame_price(),
            )
        return self._plans[names]

    def _frame_price(self) -> float:
        """Return the price of one more frame on this line, in registers."""
        if self._framing == "tcp":
            return TCP_OVERHEAD
        line = self._bus.line
        return serial_overhead(
            line.baud_rate, 1 + line.data_bits + line.parity_bits + line.stop_bits
        )

    async def read_registers(
        self, start: int, count: int, *, lane: Lane = Lane.POLL, function: int = 3
    ) -> tuple[int, ...]:
        """Read consecutive registers in one frame; a query, so it may be retried."""
        request = read_request(self._framing, self._unit, function, start, count)
        reply = await self._ask(
            request,
            function,
            f"reading {count} registers from {start:04X}h",
            lambda reply: len(reply.registers) == count,
            lane,
            ATTEMPTS,
        )
        return reply.registers

    async def write_registers(
        self, start: int, registers: tuple[int, ...], function: int, lane: Lane
    ) -> None:
        """Write registers by function 06 or 16, once."""
        request = write_request(self._framing, self._unit, start, registers, function)
        reply = await self._ask(
            request,
            function,
            f"writing {list(registers)} to {start:04X}h",
            lambda reply: reply.address == start,
            lane,
            1,
        )
        confirmed = (
            reply.registers == registers if function == WRITE_ONE else reply.count == len(registers)
        )
        if not confirmed:
            self._doubt()  # its own answer is still to come
            raise GarbledReply(self.name, request, reply.data, "it confirms another write")

    async def settle_scale(self) -> None:
        """Know the divisor of the rows that have none of their own; a driver may have to ask."""

    async def written(self, signal: BoundModbus, lane: Lane) -> None:
        """Do what must follow a write before it is read back; a driver may select, or commit."""

    async def echo_test(self, data: int = 0x0304) -> None:
        """Have the unit repeat two bytes (function 08): it is there and speaks Modbus."""
        request = echo_request(self._framing, self._unit, data)
        wanted = b"\0\0" + data.to_bytes(2, "big")
        await self._ask(
            request, DIAGNOSTIC, "echo", lambda reply: reply.data == wanted, Lane.POLL, ATTEMPTS
        )

    async def _ask(
        self, request: bytes, function: int, what: str, fits: Match, lane: Lane, attempts: int
    ) -> Answer:
        """Send one request and return its answer; raise the fault an exception names."""
        acts_first = lane is Lane.TRIP and function in WRITES  # certainty comes after
        before = self._renew_doubt if acts_first else self._fence.require_clear
        while True:
            try:
                while self._fence.in_doubt and not acts_first:
                    await self._pass_fence(lane)
                return await self._asked(request, function, what, fits, lane, before)
            except StillInDoubt:
                continue  # another's request failed while this one waited for its turn
            except NoReply:
                attempts -= 1
                if attempts <= 0:
                    raise

    async def _asked(
        self, request: bytes, function: int, what: str, fits: Match, lane: Lane, before: Before
    ) -> Answer:
        """Exchange once; note when the answer may still come."""
        try:
            return await self._once(request, function, what, fits, lane, before)
        except GatewayNoReply:
            raise  # an answer, if a sad one
        except (NoReply, asyncio.CancelledError):
            self._doubt()
            raise

    def _doubt(self) -> None:
        if self._framing == "rtu":  # TCP answers are numbered
            self._fence.doubt(asyncio.get_running_loop().time())

    def _renew_doubt(self) -> None:
        self._fence.renew(asyncio.get_running_loop().time())

    def _send_fence(self) -> None:
        self._fence.sent(asyncio.get_running_loop().time())

    async def _pass_fence(self, lane: Lane) -> None:
        """Make sure that no earlier answer is still to come: RTU answers do not say to what.

        The unit repeats two bytes that it was not sent before, or says that it cannot; units
        answer in order, so whatever comes before that is old. A unit that does neither is trusted
        again when its doubt is old (:mod:`drivers.fence`).
        """
        self._mark = self._mark % 0xFFFF + 1
        wanted = b"\0\0" + self._mark.to_bytes(2, "big")
        request = echo_request(self._framing, self._unit, self._mark)

        def fits(reply: Answer) -> bool:
            return reply.data == wanted

        try:
            await self._once(request, DIAGNOSTIC, "echo", fits, lane, self._send_fence)
        except ModbusRejected:  # which does not say to which fence
            self._fence.answered(asyncio.get_running_loop().time())
        except NoReply:
            if not self._fence.unanswered(asyncio.get_running_loop().time()):
                raise
        else:
            self._fence.passed()

    async def _once(
        self, request: bytes, function: int, what: str, fits: Match, lane: Lane, before: Before
    ) -> Answer:
        transaction = 0
        if self._framing == "tcp":
            self._transaction = transaction = self._transaction % 0xFFFF + 1
            request = numbered(request, transaction)

        def match(frame: bytes) -> Answer | None:
            reply = answer(self._framing, frame)
            mine = (self._unit, transaction, function)
            if (reply.unit, reply.transaction, reply.function) != mine:
                return None
            if reply.exception:
                raise self._fault(reply.exception, what, request)
            return reply if fits(reply) else None

        return await self._bus.exchange(
            self.name, request, match, lane=lane, timeout_s=self._timeout_s, before=before
        )

    def _fault(self, exception: int, what: str, request: bytes) -> InstrumentError:
        meaning = _EXCEPTIONS.get(exception, "unknown exception")
        why = f"{what}: exception {exception:02X}, {meaning}"
        if exception in {10, 11}:
            return GatewayNoReply(self.name, request, why)
        if exception == 4:
            return DeviceFault(self.name, why)
        return ModbusRejected(self.name, why, exception)
