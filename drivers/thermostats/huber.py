"""Huber thermostats with Pilot ONE or CC-Pilot, PB commands (communication manual V2.3.0).

Line: RS-232 9600 8N1, or TCP port 8101. ``{M`` address value CR LF from the host, ``{S`` address
value CR LF back; address two hex digits, value four (eight in the high-resolution variant), ``*``
to read. A write answers with the value now in force, which limits may have changed. Wrong syntax
is met with silence; a request may be repeated after 1 s at the earliest. Replies name the address,
not the request: after a failure the serial number, asked for nothing else, is the fence that no old
value of an address passes.

Oddities: temperatures are 0.01 degC in 16 bits, unsigned in the top corner of hot units; an absent
sensor is -151.00 degC (``C504``), an unknown address or locked feature ``7FFF``: neither may
become a number. Settings are lost in a power cut, after which status bit 14 reads 0 once. Register
40 is a watchdog: silence from the host for so many seconds switches the unit off.
Unverified on hardware.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from drivers.again import until_answered
from drivers.ascii import AsciiInstrument, text_of
from drivers.bus import Bus
from drivers.errors import (
    CommandRejected,
    DeviceFault,
    GarbledReply,
    ReadbackMismatch,
    WrongInstrument,
)
from drivers.options import SerialOptions
from drivers.probes import FRAMED, Probe
from drivers.signal import Lane, Limits, Reading, SignalSpec, Value
from drivers.table import BadValue, BoundSignal, Kind, Row

INTERNAL, PROCESS, CONTROL, RUN = 0x01, 0x07, 0x13, 0x14
STATUS, ERROR, WARNING, WATCHDOG = 0x0A, 0x05, 0x06, 0x40
SERIAL_LOW, SERIAL_HIGH = 0x1B, 0x1C
BIT_ERROR, BIT_AWAKE = 1 << 8, 1 << 14
UNKNOWN = {4: 0x7FFF, 8: 0x7FFFFFFF}
ABSENT = {4: 0xC504, 8: 0xFFFBD1B0}
HOT_END = 0xC4F8  # 16 bits: up to here, from 8000h on, unsigned (327.68 to 504.24 degC)
REPLY = re.compile(r"\{S([0-9A-F]{2})([0-9A-F]{8}|[0-9A-F]{4})$")


class HuberOptions(SerialOptions):
    """Options of a Huber thermostat."""

    control: Literal["internal", "process"] = "internal"  # which sensor is controlled
    watchdog_s: Annotated[int, Field(ge=0, le=150)] = 30  # 0: none
    high_resolution: bool = False  # eight value digits, 0.001 degC


class PbSignal(Row):
    """A signal at a PB address; temperatures are scaled, other numbers are counts of the unit."""

    def __init__(
        self, kind: Kind, unit: str, address: int | None, *, writable: bool = False, **more: Any
    ) -> None:
        super().__init__(kind, unit, writable=writable, **more)
        self._address = address  # None: of the sensor that is controlled

    def bind(self, instrument: "HuberPilotOne", spec: SignalSpec) -> BoundSignal:
        """Return the signal of this instrument."""
        address = instrument.controlled if self._address is None else self._address
        return _BoundPb(instrument, address, spec)


class _BoundPb(BoundSignal):
    def __init__(self, owner: "HuberPilotOne", address: int, spec: SignalSpec) -> None:
        super().__init__(owner.name, spec)
        self._owner, self._address = owner, address
        self.query = owner.query(address)  # the text that asks for it
        self._is_temperature = spec.unit == "degC"

    def parsed(self, text: str) -> Value:
        """Return the value in the digits of a reply; raise BadValue."""
        return self._value(int(text, 16))

    async def fetch(self, lane: Lane) -> Value:
        return self.parsed(await self._owner.ask(self.query, lane=lane))

    async def store(self, value: Value, lane: Lane) -> Value:
        return self._value(await self._owner.write(self._address, self._count(value), lane))

    async def set(self, value: Value, lane: Lane = Lane.COMMAND) -> Reading:
        """Check, write once, and compare with the value in force, which is the answer."""
        wanted = self.checked(value)
        reading = self.reading(await self.store(wanted, lane))
        self.confirm(self._value(self._count(wanted)), reading)
        return reading

    def _count(self, value: Value) -> int:
        return self._owner.to_count(float(value)) if self._is_temperature else int(value)

    def _value(self, count: int) -> Value:
        if self._is_temperature:
            return self._owner.to_degc(count)
        if self.spec.kind is bool:
            return bool(count)
        return self.spec.kind(self._owner.signed(count))


class HuberPilotOne(AsciiInstrument):
    """Heating and cooling thermostat; fills the ``Thermostat`` role."""

    Options = HuberOptions
    line_settings: ClassVar = {"quiet_s": 1.0, "drain_s": 2.0}  # manual: repeat after 1 s
    send_end = b"\r\n"
    commands_answer = True
    fence, fence_reply = "{M1B****", "[0-9A-F]{4}"  # reply_to() lets only that address through
    tells_fence = True
    probes: ClassVar = (  # low word of the serial number; a question may be repeated after 1 s
        Probe(
            b"{M1B****\r\n",
            rb"\{S1B[0-9A-F]{4}\r",
            "Huber thermostat",
            rank=FRAMED,
            wait_s=1.0,
        ),
    )

    temperature = PbSignal(float, "degC", None, doc="what is controlled")
    setpoint = PbSignal(float, "degC", 0x00, writable=True, limits=(-150.0, 500.0), poll_s=5.0)
    running = PbSignal(bool, "", RUN, writable=True, poll_s=5.0)
    power = PbSignal(float, "W", 0x04, poll_s=5.0)
    bath = PbSignal(float, "degC", INTERNAL, poll_s=None)
    process = PbSignal(float, "degC", PROCESS, poll_s=None)
    error = PbSignal(int, "", ERROR, poll_s=None)
    warning = PbSignal(int, "", WARNING, poll_s=None)
    status = PbSignal(int, "", STATUS, poll_s=None)

    def __init__(
        self, name: str, bus: Bus, options: HuberOptions, limits: Mapping[str, Limits]
    ) -> None:
        self._digits = 8 if options.high_resolution else 4
        self._per_degc = 1000 if options.high_resolution else 100
        self.controlled = PROCESS if options.control == "process" else INTERNAL
        super().__init__(name, bus, options, limits)
        self._watchdog_s = options.watchdog_s
        self._tells_restarts = False  # whether status bit 14 works on this unit
        self._restarted = self._faulty = False

    # --- what the wire says

    def reply_to(self, request: str, frame: bytes) -> str | None:
        """Return the value digits of the reply from the address asked."""
        reply = REPLY.search((text_of(frame) or "").upper())
        if reply is None or reply[1] != request[2:4]:
            return None
        digits = len(request) - 4  # after {Maa
        if len(reply[2]) != digits:
            why = f"{digits} digits were asked (option high_resolution)"
            raise GarbledReply(self.name, request.encode(), frame, why)
        if int(reply[2], 16) == UNKNOWN[digits]:
            raise CommandRejected(self.name, f"address {reply[1]} is unknown or not unlocked")
        return reply[2]

    async def read(self, address: int, lane: Lane = Lane.COMMAND) -> int:
        """Return the value at an address as an unsigned count."""
        return int(await self.ask(self.query(address), lane=lane), 16)

    def query(self, address: int) -> str:
        """Return the text that asks for the value at an address."""
        return f"{{M{address:02X}{'*' * self._digits}"

    async def write(self, address: int, count: int, lane: Lane = Lane.COMMAND) -> int:
        """Write once; return the value now in force as an unsigned count."""
        return int(await self.tell(f"{{M{address:02X}{self._hex(count)}", lane=lane), 16)

    def _hex(self, count: int) -> str:
        return f"{count & ((1 << 4 * self._digits) - 1):0{self._digits}X}"

    def signed(self, count: int) -> int:
        """Return a count read as two's complement."""
        bits = 4 * self._digits
        return count - (1 << bits) if count >> (bits - 1) else count

    def to_degc(self, count: int) -> float:
        """Return the temperature of a count; raise BadValue when the sensor is absent."""
        if count == ABSENT[self._digits]:
            raise BadValue("sentinel")
        if self._digits == 4:
            if HOT_END < count < ABSENT[4]:
                raise BadValue("range")  # between the hottest and the coldest there is nothing
            if count <= HOT_END:
                return count / self._per_degc
        return self.signed(count) / self._per_degc

    def to_count(self, degc: float) -> int:
        """Return the unsigned count of a temperature."""
        return int(self._hex(round(degc * self._per_degc)), 16)

    # --- life

    async def identify(self) -> str:
        """Return the serial number; raise WrongInstrument when it has none."""
        try:
            low, high = await self.read(SERIAL_LOW), await self.read(SERIAL_HIGH)
        except (CommandRejected, GarbledReply) as error:
            raise WrongInstrument(self.name, f"tells no serial number: {error.what}") from None
        return f"Huber thermostat, serial number {(high << 16) + low}"

    async def prepare(self) -> None:
        """Arm the watchdog, set the control mode, clear an old error, note the restart bit."""
        await self._arm_watchdog()
        mode = await self.read(CONTROL)
        if (self.controlled == PROCESS) != bool(mode):
            await self._confirmed(CONTROL, int(self.controlled == PROCESS), "control mode")
        if await self.read(STATUS) & BIT_ERROR:  # reading it also marks a restart as seen
            await self.write(ERROR, 1)  # clears it, unless its cause is still there
        self._tells_restarts = bool(await self.read(STATUS) & BIT_AWAKE)
        self._restarted = self._faulty = False

    async def _arm_watchdog(self) -> None:
        try:
            await self._confirmed(WATCHDOG, self._watchdog_s, "watchdog")
        except CommandRejected:
            if self._watchdog_s:  # without one, silence would leave it heating
                what = "has no watchdog; set watchdog_s = 0 to run without"
                raise CommandRejected(self.name, what) from None

    async def _confirmed(
        self, address: int, wanted: int, what: str, lane: Lane = Lane.COMMAND
    ) -> None:
        """Write a setting and compare the value in force."""
        got = await self.write(address, wanted, lane)
        if got != wanted:
            raise ReadbackMismatch(self.name, f"{what} was set to {wanted}, reads back {got}")

    async def check(self) -> None:
        """Raise DeviceFault on an error number, or after a power cut.

        Either lasts until heat is switched off by command, or the instrument is prepared anew.
        """
        status = await self.read(STATUS, Lane.POLL)
        if self._tells_restarts and not status & BIT_AWAKE:
            self._restarted = True
        self._faulty = self._restarted or bool(status & BIT_ERROR)
        if self._restarted:
            raise DeviceFault(self.name, "was restarted (power cut): its settings are lost")
        if self._faulty:
            number = self.signed(await self.read(ERROR, Lane.POLL))
            raise DeviceFault(self.name, f"error {number} (see the unit's display)")

    async def make_safe(self) -> None:
        """Switch temperature control off, on the trip lane."""
        await self.heat_off(Lane.TRIP)

    # --- the thermostat role

    async def set_temperature(self, degc: float, lane: Lane = Lane.COMMAND) -> float:
        """Set the setpoint, switch control on; return the value in force."""
        if self._restarted:
            raise DeviceFault(self.name, "was restarted (power cut): switch heat off first")
        reading = await self.setpoint.set(degc, lane)
        try:
            await self._confirmed(RUN, 1, "temperature control", lane)
        except ReadbackMismatch:
            await self.check()  # tells why, if there is an error
            raise
        return float(reading.value or 0.0)  # set() has compared it: it is a number

    async def heat_off(self, lane: Lane = Lane.COMMAND) -> None:
        """Switch control off; harmless twice, so it is sent again when its answer is lost."""
        await until_answered(lambda: self._confirmed(RUN, 0, "temperature control", lane))
        if self._faulty and lane is not Lane.TRIP:  # somebody has dealt with it: fit for use again
            await self.prepare()
