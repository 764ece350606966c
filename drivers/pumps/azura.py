"""Knauer AZURA P 2.1S and P 4.1S HPLC pumps (instructions V6870 v5.3, command table).

Line: RS-232 9600 8N1, requests end CR; LAN port 10001, the same text, requests end LF CR in that
order. Replies are ``NAME:value``, ``NAME:OK``, ``ERROR:1`` (unknown) or ``ERROR:2`` (refused), and
end CR, with a stray LF before or after. Only the interface chosen in the pump's menu answers, and
one client at a time. Spellings of the replies are known from one implementation only.

Oddities: flow is in whole uL/min; pressure is in units of 0.1 MPa, which are 1 bar each. There is
no query for "is it running", so the driver remembers what it commanded and sends OFF once when it
does not know. Names of limits carry the head's size. The pump has no watchdog: if the daemon
dies, ``taylord safe`` must stop it. Unverified on hardware.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import ClassVar

from drivers.again import until_answered
from drivers.ascii import AsciiInstrument, AsciiSignal, text_of
from drivers.bus import Bus
from drivers.errors import (
    CommandRejected,
    DeviceFault,
    NoReply,
    OutOfRange,
    ReadbackMismatch,
    WrongInstrument,
)
from drivers.options import DriverOptions
from drivers.probes import Probe
from drivers.signal import Lane, Limits
from drivers.table import BadValue, MethodSignal

HEADS = {10: 10.0, 50: 50.0}  # mL head: largest flow, mL/min
UL_PER_ML = 1000
HEADTYPE = rb"HEADTYPE:(10|50)\b"
MAX_BAR = {10: 400, 50: 150}
REFUSALS = {"ERROR:1": "unknown or malformed", "ERROR:2": "value refused"}


class AzuraPump(AsciiInstrument):
    """HPLC pump; fills the ``Pump`` role."""

    reply_end = b"\r"
    commands_answer = True
    fence, fence_reply = "HEADTYPE?", "HEADTYPE:.*"
    tells_fence = True  # by the name
    declared_queries = ("FLOW?", "ERRORS?", "PMAX10?", "PMAX50?")
    line_settings: ClassVar = {"baud_rate": 9600}
    probes: ClassVar = (
        Probe(b"HEADTYPE?\r", HEADTYPE, "Knauer AZURA pump, {} mL head", over=("serial",)),
        Probe(b"HEADTYPE?\n\r", HEADTYPE, "Knauer AZURA pump, {} mL head", over=("socket",)),
    )

    flow = MethodSignal(float, "mL/min", read="_read_flow", write="_write_flow", limits=(0.0, 50.0))
    pressure = AsciiSignal(float, "bar", read="PRESSURE?", reply=r"PRESSURE:(\d+)", limits=(0, 400))
    motor_current = AsciiSignal(int, read="IMOTOR?", reply=r"IMOTOR:(\d+)", poll_s=5.0)

    def __init__(
        self, name: str, bus: Bus, options: DriverOptions, limits: Mapping[str, Limits]
    ) -> None:
        super().__init__(name, bus, options, limits)
        self._request_end = b"\n\r" if bus.port.startswith("socket://") else b"\r"
        self._max_bar = limits["pressure"].high if "pressure" in limits else None
        self._head: int | None = None
        self._on: bool | None = None  # None: not known
        self._errors = ""  # the pump's list when it was last acknowledged
        self._faulty = False
        self._stands = False  # it was told to run, and does not
        self._orders = 0  # to start or stop, so far

    # --- what the wire says

    def encoded(self, text: str) -> bytes:
        """Return a request with the terminator of this kind of line."""
        return text.encode("ascii") + self._request_end

    def reply_to(self, request: str, frame: bytes) -> str | None:
        """Return the reply that names this request; an error reply names none."""
        text = text_of(frame) or ""
        if text in REFUSALS:
            raise CommandRejected(self.name, f"{request!r} answered {text} ({REFUSALS[text]})")
        name, _, value = text.partition(":")
        asked = request.partition("?")[0].partition(":")[0]
        if name != asked or (value == "OK") == request.endswith("?"):
            return None
        return text

    async def _number(self, name: str, lane: Lane = Lane.COMMAND) -> int:
        text = (await self.ask(f"{name}?", lane=lane)).partition(":")[2]
        if not text.isdecimal():
            raise WrongInstrument(self.name, f"{name}? answered {text!r}, which is no number")
        return int(text)

    # --- life

    async def identify(self) -> str:
        """Return the head type, which only these pumps have."""
        try:
            head = await self._head_type()
        except CommandRejected as error:
            raise WrongInstrument(self.name, f"has no head type ({error.what})") from None
        return f"Knauer AZURA pump, {head} mL head"

    async def _head_type(self) -> int:
        head = await self._number("HEADTYPE")
        if head not in HEADS:
            raise WrongInstrument(self.name, f"head type {head} is not one of 10, 50")
        return head

    async def prepare(self) -> None:
        """Read the head, set its pressure limit; a pump of unknown state is switched off.

        It is told not to run by itself when the power is back.
        """
        self._head = await self._head_type()
        if self._max_bar is not None:
            await self._limit_pressure(self._head, self._max_bar)
        with suppress(CommandRejected):  # not every firmware has it
            if await self._number("STARTMODE"):
                await self.tell("STARTMODE:0")
        if self._on and await self._number("IMOTOR") == 0:
            self._on = None  # it was told to run and does not: a power cut, or a hand on it
        if self._on is None:
            await self.stop()
        self._errors, self._faulty = await self.ask("ERRORS?", lane=Lane.COMMAND), False

    async def _limit_pressure(self, head: int, bar: float) -> None:
        """Make the pump stop itself above this pressure."""
        name, wanted = f"PMAX{head}", min(int(bar), MAX_BAR[head])
        if await self._number(name) == wanted:
            return
        await self.tell(f"{name}:{wanted}")
        if (got := await self._number(name)) != wanted:
            raise ReadbackMismatch(self.name, f"{name} was set to {wanted} bar, reads back {got}")

    async def check(self) -> None:
        """Raise DeviceFault on a new error, or a motor that stands; stopping acknowledges it."""
        orders = self._orders
        if self._on and not await self._turns() and self._on and orders == self._orders:
            self._on, self._stands = None, True  # nobody stopped it while we looked
        errors = await self.ask("ERRORS?")
        if errors != self._errors:
            self._faulty = True
            raise DeviceFault(self.name, f"new error, last five are {errors.partition(':')[2]}")
        if self._stands:
            raise DeviceFault(
                self.name, "was told to run, and its motor stands (a power cut, or a hand on it)"
            )

    async def _turns(self) -> bool:
        """Return whether the motor draws current; looked at twice, it may just be starting."""
        for _ in range(2):
            if await self._number("IMOTOR", Lane.POLL):
                return True
        return False

    async def make_safe(self) -> None:
        """Stop the pump, on the trip lane."""
        await self.stop(Lane.TRIP)

    # --- the pump role

    @property
    def max_flow_ml_min(self) -> float:
        """Return the largest flow of this head within the limits."""
        return min(self.flow.high, HEADS[self._head]) if self._head else self.flow.high

    @property
    def min_flow_ml_min(self) -> float:
        """Return one step of the setpoint."""
        return self.flow_step_ml_min

    @property
    def flow_step_ml_min(self) -> float:
        """Return 1 uL/min."""
        return 1.0 / UL_PER_ML

    def rounded_flow(self, ml_min: float) -> float:
        """Return the flow in whole uL/min."""
        return round(ml_min * UL_PER_ML) / UL_PER_ML

    async def set_flow(self, ml_min: float, lane: Lane = Lane.COMMAND) -> float:
        """Deliver this flow from now on; 0 stops. Return the read-back."""
        return float((await self.flow.set(ml_min, lane)).value or 0.0)

    async def stop(self, lane: Lane = Lane.COMMAND) -> None:
        """Stop; OFF does no harm twice, so it is sent again when its answer is lost."""
        self._orders += 1
        try:
            await until_answered(lambda: self.tell("OFF", lane=lane))
        except BaseException:  # cancelled, too: it may have stopped, or run on
            self._on = None
            raise
        self._on = self._stands = False
        if self._faulty:
            with suppress(NoReply):  # it is stopped; check() goes on telling the fault
                self._errors, self._faulty = await self.ask("ERRORS?", lane=lane), False

    async def _read_flow(self, lane: Lane) -> float:
        ul_min = await self._number("FLOW", lane)
        if self._on is None:  # it may run or not: no number is true
            raise BadValue("fault")
        return ul_min / UL_PER_ML if self._on else 0.0

    async def _write_flow(self, ml_min: float, lane: Lane) -> float:
        ul_min = round(ml_min * UL_PER_ML)
        if ml_min > self.max_flow_ml_min or (ml_min > 0 and ul_min == 0):
            raise OutOfRange(
                self.name,
                f"flow {ml_min:g} mL/min is refused, limits are 0 or"
                f" [{self.min_flow_ml_min:g}, {self.max_flow_ml_min:g}] mL/min",
            )
        if ul_min == 0:
            await self.stop(lane)
            return 0.0
        await self.tell(f"FLOW:{ul_min}", lane=lane)
        if not self._on:
            self._orders += 1
            self._on = None  # between here and the answer nobody knows
            await self.tell("ON", lane=lane)
            self._on, self._stands = True, False
        return ul_min / UL_PER_ML
