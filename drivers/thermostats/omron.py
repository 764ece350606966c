"""Omron E5CC and E5_D temperature controllers, Modbus RTU (communications manuals H175, H186).

Line: RS-485, 9600 baud, 8 data bits; the protocol must be switched from CompoWay/F to Modbus at the
controller, and parity and stop bits are what is set there (here even and one, unless the options
say otherwise). The unit of temperature must be degC. Every variable lies in two address spaces:
0000h, two registers, and 2000h, one register (option ``address_space``). The status word is read
in the first one always, because only there it is whole.

Numbers are integers with the decimals of the input type. The decimal point monitor (0420h) tells
them; where the unit does not know it, the option ``decimals`` must, and where both do they must
agree: a factor of ten in a temperature must not pass unseen.

Operation commands are words written to 0000h: code and argument. Writing is refused (exception 04)
until it is switched on by one; the driver does that, and chooses the RAM write mode, so that
setpoints do not wear out the memory. Connecting switches nothing else. After a power cut the unit
is in the state of its memory: it may run, to a setpoint nobody asked for. When the driver finds its
settings lost or another setpoint than its own, it reports a fault; while connecting it switches
control off, if it had switched it on, and reports that. The positions of status bits differ
between models (tables of the manuals), so they are options; the defaults are those of the E5_C.
Unverified on hardware.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from math import nan
from typing import Annotated, Any, ClassVar, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Field

from drivers.again import until_answered
from drivers.bus import Bus
from drivers.errors import (
    CommandRejected,
    DeviceFault,
    InstrumentError,
    ReadbackMismatch,
    WrongInstrument,
)
from drivers.modbus import ModbusInstrument, ModbusOptions, ModbusRejected
from drivers.modbus_frames import WRITE_ONE
from drivers.modbus_signal import BoundModbus, ModbusSignal
from drivers.probes import modbus_probes
from drivers.signal import Lane, Limits, Quality, Reading, SignalSpec, Value
from drivers.transport.base import LineSpec

WRITING_ON, RUN, STOP, RAM_MODE = 0x0001, 0x0100, 0x0101, 0x0401  # code and argument
OPERATE = 0x0000  # where operation commands are written
SHORT = 0x2000  # where the two-byte space begins
DECIMAL_POINT, MOST_DECIMALS = 0x0420, 3  # how many decimals are shown
SETPOINT = 0x0106
NOT_NOW = 4  # this exception is a refusal here: not possible in this state
RESERVED = (0x80000000,)
BY_WHOM = "(a power cut, or a hand on it)"

Bit = Annotated[int, Field(ge=0, le=31)]


class StatusBits(BaseModel):
    """Which bit of the 32-bit status word says what; None: nothing does, or do not look."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stopped: Bit = 24
    writing: Bit | None = 25
    manual: Bit | None = 26
    input_error: Bit | None = 6
    faults: Mapping[str, Bit] = {  # what is an alarm of the instrument, by name
        "heater overcurrent": 0,
        "converter error": 2,
        "heater short": 3,
        "heater burnout": 10,
    }


class OmronOptions(ModbusOptions):
    """Options of an Omron controller."""

    parity: Literal["N", "E", "O"] = "E"
    stop_bits: Literal[1, 2] = 1
    address: Annotated[int, Field(ge=1, le=99)] = 1
    address_space: Literal["four-byte", "two-byte"] = "four-byte"
    decimals: Annotated[int, Field(ge=0, le=3)] | None = None  # of the input type; None: ask
    status_bits: StatusBits = StatusBits()

    def line(self, line: LineSpec) -> LineSpec:
        """Return the line with the configured rate, echo, parity and stop bits."""
        return replace(super().line(line), stop_bits=self.stop_bits)


class Variable(ModbusSignal):
    """A variable by its four-byte address, bound to the address space of the options."""

    def __init__(self, address: int, unit: str = "", **more: Any) -> None:
        super().__init__(address, "int32", unit, sentinels=RESERVED, **more)

    def bind(self, instrument: Any, spec: SignalSpec) -> BoundModbus:
        """Return the signal of this instrument."""
        return BoundModbus(instrument, self.short() if instrument.short else self, spec)

    def short(self) -> Self:
        """Return the variable as it lies in the two-byte space: half as far into its page."""
        row = copy(self)
        page, low = divmod(self.register, 0x100)
        row.register = SHORT + 0x100 * page + low // 2
        row.form, row.count, row.writes_by, row.sentinels = "int16", 1, WRITE_ONE, (0x8000,)
        return row


class Running(ModbusSignal):
    """The status bit that says stop, turned round."""

    def bind(self, instrument: Any, spec: SignalSpec) -> BoundModbus:
        """Return the signal of this instrument."""
        row = copy(self)
        row.bit = instrument.bits.stopped
        return BoundModbus(instrument, row, spec)

    def decode(self, registers: Sequence[int], divisor: float = 1.0) -> Value:
        """Return whether control is on."""
        return not super().decode(registers, divisor)


def _known(registers: tuple[int, ...]) -> str | None:
    """Return who answers when asked for the decimal point monitor."""
    high, low = registers
    return f"Omron E5, {low} decimals" if high == 0 and low <= MOST_DECIMALS else None


class Omron(ModbusInstrument):
    """Fills the ``Thermostat`` role; the families' common part."""

    Options = OmronOptions
    probes: ClassVar = modbus_probes(DECIMAL_POINT, 2, _known, parities=("E", "N", "O"))
    model = "Omron E5"

    temperature = Variable(0x0000, "degC", divisor=None, doc="process value")
    status = ModbusSignal(0x0002, "uint32", kind=int, doc="status word, all 32 bits")
    working_setpoint = Variable(0x0004, "degC", divisor=None, doc="internal setpoint, after a ramp")
    power = Variable(0x0008, "%", divisor=10.0, doc="manipulated variable, heating")
    setpoint = Variable(SETPOINT, "degC", divisor=None, writable=True, poll_s=5.0)
    running = Running(0x0002, "uint32", kind=bool, poll_s=5.0)

    def __init__(
        self, name: str, bus: Bus, options: OmronOptions, limits: Mapping[str, Limits]
    ) -> None:
        self.short = options.address_space == "two-byte"
        self.bits = options.status_bits
        super().__init__(name, bus, options, limits)
        self._decimals, self._scaled = options.decimals, False
        self._heats = False  # control is on by our doing
        self._commanded: float | None = None  # setpoint that we have confirmed, degC
        self._lost = ""  # what shows that its settings are not ours any more
        self._ended = ""  # for the same reason, while connecting
        self.divisor = nan  # until it is settled, no number can be read or written

    # --- life

    async def identify(self) -> str:
        """Compare the setpoint in both address spaces; raise WrongInstrument when they differ."""
        try:
            high, low = await self.read_registers(SETPOINT, 2, lane=Lane.COMMAND)
            (short,) = await self.read_registers(SHORT + 0x103, 1, lane=Lane.COMMAND)
            await self.status.read(Lane.COMMAND)
        except CommandRejected as error:
            raise WrongInstrument(
                self.name, f"no {self.model} answers here ({error.what})"
            ) from error
        if low != short or high != (0xFFFF if short & 0x8000 else 0):
            seen = f"setpoint {high:04X}{low:04X}h there, {short:04X}h here"
            raise WrongInstrument(
                self.name, f"no {self.model} answers here: its address spaces differ ({seen})"
            )
        return f"{self.model} controller, address {self._unit} (has no identity query)"

    async def prepare(self) -> None:
        """Settle the decimals, allow writing, spare the memory; end a control that is not ours."""
        self._scaled = False
        await self.settle_scale()
        status = await self._status_word(Lane.COMMAND)
        if self._heats and (why := await self._settings_lost(status)):
            await self._switch(on=False, lane=Lane.COMMAND)
            self._heats, self._commanded = False, None
            self._ended = f"{why}; control is off now"
        self._lost = ""
        if not self._has(status, self.bits.writing):
            await self._operate(WRITING_ON)
            if self.bits.writing is not None and not self._has(
                await self._status_word(Lane.COMMAND), self.bits.writing
            ):
                raise ReadbackMismatch(
                    self.name,
                    "writing was switched on, its status says off (option status_bits.writing)",
                )
        await self._operate(RAM_MODE)

    async def _settings_lost(self, status: int) -> str:
        """Return what shows that the settings are not ours any more, or an empty text."""
        if self.bits.writing is not None and not self._has(status, self.bits.writing):
            return "was restarted (power cut): its settings are lost"
        held = (await self.setpoint.read(Lane.COMMAND)).value
        if self._commanded is not None and held != self._commanded:
            return f"holds {held} degC, not the {self._commanded:g} that was set {BY_WHOM}"
        if self._commanded is not None and self._has(status, self.bits.stopped):
            return f"has stopped control by itself {BY_WHOM}"
        return ""

    async def check(self) -> None:
        """Raise DeviceFault on an input error, a fault bit, or when its settings were lost.

        The last lasts until heat is switched off by command, or on again after connecting anew.
        """
        status = await self._status_word(Lane.POLL)
        names = {"input error": self.bits.input_error, **self.bits.faults}
        if found := [name for name, bit in names.items() if self._has(status, bit)]:
            raise DeviceFault(self.name, f"{', '.join(found)} (status {status:08X}h)")
        if self._heats:
            self._lost = self._lost or await self._settings_lost(status)
        if why := self._lost or self._ended:
            raise DeviceFault(self.name, why)

    async def make_safe(self) -> None:
        """Stop control, on the trip lane."""
        await self.heat_off(Lane.TRIP)

    # --- the thermostat role

    async def set_temperature(self, degc: float, lane: Lane = Lane.COMMAND) -> float:
        """Write the setpoint, then run; return the read-back, degC."""
        self.setpoint.checked(degc)
        if self._lost:
            raise DeviceFault(self.name, f"{self._lost}; switch heat off first")
        if self._has(await self._status_word(lane), self.bits.manual):
            raise CommandRejected(self.name, "is in manual: select automatic at the controller")
        self._heats, self._commanded = True, None  # not known until it is confirmed
        held = (await self.setpoint.set(degc, lane)).value
        await self._switch(on=True, lane=lane)
        self._commanded, self._ended = cast("float", held), ""  # set() has compared it
        return self._commanded

    async def heat_off(self, lane: Lane = Lane.COMMAND) -> None:
        """Stop control, confirmed; harmless twice, so it is sent again when its answer is lost."""
        await until_answered(lambda: self._switch(on=False, lane=lane))
        self._heats, self._commanded, self._ended = False, None, ""
        if self._lost and lane is not Lane.TRIP:  # somebody has dealt with it: fit for use again
            await self.prepare()

    async def _switch(self, *, on: bool, lane: Lane) -> None:
        """Run or stop; writes only a change, except on a trip."""
        if lane is not Lane.TRIP and (await self.running.read(lane)).value == on:
            return
        await self._operate(RUN if on else STOP, lane)
        if (await self.running.read(lane)).value != on:
            raise ReadbackMismatch(self.name, f"{'did not start' if on else 'still runs'} control")

    async def _operate(self, command: int, lane: Lane = Lane.COMMAND) -> None:
        """Write an operation command."""
        await self.write_registers(OPERATE, (command,), WRITE_ONE, lane)

    # --- what the wire says

    async def readings(
        self, names: tuple[str, ...], lane: Lane, *, strict: bool = False
    ) -> list[Reading]:
        """Read signals; the temperature with the status, which tells of a broken sensor."""
        if self.bits.input_error is None or "temperature" not in names:
            return await super().readings(names, lane, strict=strict)
        wanted = tuple(dict.fromkeys([*names, "status"]))
        held = dict(zip(wanted, await super().readings(wanted, lane, strict=strict), strict=True))
        status = held["status"].value
        if not isinstance(status, int) or self._has(status, self.bits.input_error):
            held["temperature"] = replace(
                held["temperature"], value=None, quality=Quality.BAD, reason="fault"
            )
        return [held[name] for name in names]

    async def _status_word(self, lane: Lane) -> int:
        return cast("int", (await self.status.read(lane)).value)  # every word has a meaning

    @staticmethod
    def _has(status: int, bit: int | None) -> bool:
        return bit is not None and bool(status >> bit & 1)

    async def settle_scale(self) -> None:
        """Ask for the decimals, or check the configured ones; once per connection."""
        if self._scaled:
            return
        shown = await self._shown_decimals()
        wanted = self._decimals if self._decimals is not None else shown
        if wanted is None:
            raise DeviceFault(self.name, "does not tell its decimals: set the option decimals")
        if shown is not None and shown != wanted:
            raise DeviceFault(self.name, f"shows {shown} decimals, not the {wanted} configured")
        self.divisor, self._scaled = 10.0**wanted, True

    async def _shown_decimals(self) -> int | None:
        """Return the decimal point monitor; None when the unit does not know it."""
        try:
            high, low = await self.read_registers(DECIMAL_POINT, 2, lane=Lane.COMMAND)
        except ModbusRejected:
            return None
        return low if high == 0 and low <= MOST_DECIMALS else None

    def _fault(self, exception: int, what: str, request: bytes) -> InstrumentError:
        """Return the fault an exception names; a state that forbids it is a refusal here."""
        if exception != NOT_NOW:
            return super()._fault(exception, what, request)
        why = f"{what}: not possible in its state (writing is off, or it tunes itself)"
        return ModbusRejected(self.name, why, exception)


class OmronE5cc(Omron):
    """The E5CC and its sisters of the E5_C series."""

    model = "Omron E5_C"


class OmronE5d(Omron):
    """The E5_D series, which shares the map."""

    model = "Omron E5_D"
