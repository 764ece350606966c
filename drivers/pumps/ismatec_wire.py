"""The wire of Ismatec Reglo pumps: what replies look like, and whose they can be.

Manual 14-036 and the earlier protocol chapter; see :mod:`drivers.pumps.ismatec`. A reply carries
neither tag nor address: ``*`` may be anybody's. So doubt is one for the whole line: when the reply
to any channel's request may still come, every channel asks the fence before it asks anything else.
The fence is the query of the direction, whose reply (``J`` or ``K``) looks like no other; the pump
answers in order, so that whatever comes before it is old. It is asked of the digit that is the
pump's address, which answers in either addressing mode: after a power cut channels do not. A
second pump on the line would answer out of that order: there can be one only.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar
from weakref import WeakKeyDictionary

from pydantic import Field, model_validator

from drivers.ascii import AsciiInstrument
from drivers.bus import Bus
from drivers.codec import MarkCodec
from drivers.errors import CommandRejected, NotConnected, WrongInstrument
from drivers.fence import Fence
from drivers.options import SerialOptions
from drivers.probes import BARE, Probe
from drivers.signal import Lane, Limits
from drivers.table import BadValue
from drivers.transport.base import LineSpec

DONE, UNKNOWN, REFUSED, YES, NO = "*", "#", "-", "+", "-"
NUMBER = r"(\d+(?:\.\d+)?)(?:E([+-]?\d+))?"  # m.mmmmE1, or four digits that mean m.mmm
QUERIES = {
    "#": r".*[A-Za-z]{3}.*",
    "E": r"[+-]",
    "xD": r"[JK]",
    "xM": r"[LMOGNQP]",
    "xE": r"[01]",
    "~": r"[01]",
    "f": NUMBER,
    "xe": r"[A-Z]\W.*",
    "?": r"([\d.]+) *ml/min",  # not in the manual's list; see ismatec
    "+": r"([\d.]+) *mm",  # nor this
}
PATTERNS = {query: re.compile(reply) for query, reply in QUERIES.items()}
COMMAND = re.compile(r"\*")
SET_FLOW = re.compile(rf"\*|{NUMBER}")  # by firmware
OF_THE_PUMP = frozenset({"#", "~", "~0", "~1", "xE", "xE0", "xD"})  # not of a channel
LAST_CHANNEL = 4
_ASKED = 3  # fences, until none is owed


class RegloOptions(SerialOptions):
    """Options of one channel of a Reglo pump."""

    address: Annotated[int, Field(ge=1, le=8)] = 1  # of the pump
    channel: Annotated[int, Field(ge=1, le=LAST_CHANNEL)] | None = None  # None: it has but one
    clockwise: bool = True  # which way it turns to deliver
    tube_mm: Annotated[float, Field(gt=0, le=20)] | None = None  # inner diameter; None: trust it
    min_flow_ml_min: Annotated[float, Field(gt=0, le=10)] = 0.001
    max_flow_ml_min: Annotated[float, Field(gt=0, le=1000)] | None = None  # of tube and speed

    @model_validator(mode="after")
    def _answers_in_both_modes(self) -> "RegloOptions":
        if self.channel is not None and self.address > LAST_CHANNEL:
            raise ValueError(
                f"address must be 1 to {LAST_CHANNEL} with a channel, because the digit must mean"
                f" a channel, too; got {self.address}"
            )
        return self

    @property
    def place(self) -> object:
        """Return the pump's address, with the channel where it has several."""
        return self.address if self.channel is None else f"{self.address} channel {self.channel}"


@dataclass
class SharedPump:
    """The pump on a line, as its channels share it."""

    address: int
    unsure: bool = True  # whether the digit of a request still means a channel
    fence: Fence = field(default_factory=Fence)
    channels: list[int | None] = field(default_factory=list[int | None])


_PUMPS: WeakKeyDictionary[Bus, SharedPump] = WeakKeyDictionary()


def shared_pump(name: str, bus: Bus, options: RegloOptions) -> SharedPump:
    """Return the pump of a line; raise ValueError when this channel cannot be one of it."""
    pump = _PUMPS.setdefault(bus, SharedPump(options.address))
    alone = options.channel is None or None in pump.channels
    if pump.address != options.address or (pump.channels and alone):
        raise ValueError(
            f"{name}: {bus.port} has another Reglo pump already, and replies do not say whose they"
            " are: give each pump its own port, and each channel the option channel"
        )
    pump.channels.append(options.channel)
    return pump


class RegloWire(AsciiInstrument):
    """A channel as far as talking to it goes."""

    Options = RegloOptions
    probes: ClassVar = (
        Probe(
            lambda address: f"{address}#\r".encode("ascii"),
            rb"(REGLO[^\r\n]*)\r\n",
            "Ismatec {0}",
            addresses=tuple(range(1, 9)),
            rank=BARE,
        ),
    )
    line = LineSpec(codec=lambda _port: MarkCodec(b"*#-+", b"\r\n", 256), baud_rate=9600)
    commands_answer = True
    fence: ClassVar[str | None] = "xD"
    fence_reply = r"[JK]"

    def __init__(
        self, name: str, bus: Bus, options: RegloOptions, limits: Mapping[str, Limits]
    ) -> None:
        self.pump = shared_pump(name, bus, options)
        super().__init__(name, bus, options, limits)
        self._fence = self.pump.fence
        self._counts = len(self.pump.channels) == 1  # the fences of all that come unasked
        self.channel, self._address = options.channel, options.address

    def _hear_fence(self, frame: bytes) -> None:
        """Count a reply to an earlier fence: once, whichever channel asked."""
        if self._counts:
            super()._hear_fence(frame)

    def encoded(self, text: str) -> bytes:
        """Return a request to the channel, or to the pump."""
        whole = self.channel is None or text in OF_THE_PUMP
        return f"{self._address if whole else self.channel}{text}\r".encode("ascii")

    def reply_to(self, request: str, frame: bytes) -> str | None:
        """Return the reply if it can be one to this request."""
        text = super().reply_to(request, frame)
        if text is None:
            return None
        if text == UNKNOWN:
            raise CommandRejected(self.name, f"{request!r} is not understood, or not executed")
        known = PATTERNS.get(request)
        if known is None:
            if text == REFUSED:
                raise CommandRejected(self.name, f"{request!r} is refused in its state")
            known = SET_FLOW if request.startswith("f") else COMMAND
        return text if known.fullmatch(text) else None

    def doubt(self) -> None:
        """Note that a reply may still be on its way, or that nobody was meant by the digit."""
        self.pump.unsure = True
        super().doubt()

    def _unclear(self, text: str) -> bool:
        """Return whether the digit may mean no channel any more, or the fence has to be passed."""
        return self._unaddressed(text) or super()._unclear(text)

    async def _clear(self, text: str, lane: Lane) -> None:
        if self._unaddressed(text):
            await self.require_addressing(lane)
        else:
            await super()._clear(text, lane)

    def _unaddressed(self, text: str) -> bool:
        return self.channel is not None and self.pump.unsure and text not in OF_THE_PUMP

    async def require_addressing(self, lane: Lane, *, anew: bool = False) -> None:
        """Raise NotConnected when requests to a channel would reach nobody, or another.

        Then the instrument has to be prepared: it has lost its settings.
        """
        if self.channel is None or not (anew or self.pump.unsure):
            return
        if await self.ask("~", lane=lane) != "1":
            raise NotConnected(self.name, "has lost its channel addressing (a power cut)")
        self.pump.unsure = False

    async def address_channels(self, lane: Lane = Lane.COMMAND) -> None:
        """Make the digit of requests mean the channel, or the pump where it has but one."""
        wanted = "0" if self.channel is None else "1"
        mode = await self.query("~", lane)
        if mode is None and self.channel is None:  # older pumps know no channels
            return
        if mode is None or mode[0] != wanted:
            await self.tell(f"~{wanted}", lane=lane)
        self.pump.unsure = False

    async def query(self, name: str, lane: Lane = Lane.COMMAND) -> re.Match[str] | None:
        """Return the data of a query; None when this firmware does not know it."""
        try:
            return PATTERNS[name].fullmatch(await self.ask(name, lane=lane))
        except CommandRejected:
            return None

    async def running(self, lane: Lane = Lane.COMMAND) -> bool:
        """Return whether the channel turns."""
        return await self.ask("E", lane=lane) == YES

    async def direction(self, lane: Lane = Lane.COMMAND) -> str:
        """Return J (clockwise) or K; raise BadValue when it cannot be told from an older reply.

        It is a fence, too: the newest reply is this channel's only when no other is owed.
        """
        await self.require_addressing(lane)
        request = f"{self.channel or self._address}xD\r".encode("ascii")
        for _ in range(_ASKED):
            reply = await self.bus.exchange(
                self.name,
                request,
                self.matching("xD"),
                lane=lane,
                timeout_s=self.options.timeout_s,
                before=self._send_fence,
            )
            if not (self._fence.owed or self.in_doubt):
                return reply
        raise BadValue("stale")

    async def identify(self) -> str:
        """Return model, firmware and head, as the pump tells them."""
        try:
            return f"Ismatec {await self.ask('#', lane=Lane.COMMAND)}"
        except CommandRejected as error:
            raise WrongInstrument(self.name, f"has no identity ({error.what})") from None


def number(text: str) -> float:
    """Return a number of the wire: ``1.2000E1`` is 12, and so is ``1200E+1`` (m.mmm).

    The manual shows the first form; the second is that of what is sent.
    """
    found = re.fullmatch(NUMBER, text)
    if found is None:
        raise ValueError(f"no number: {text!r}")
    mantissa, exponent = found[1], int(found[2] or 0)
    scaled = int(mantissa) / 1000 if found[2] and len(mantissa) == 4 and "." not in mantissa else 0
    return float(f"{scaled or mantissa}e{exponent}")


def mantissa_exponent(value: float, *, down: bool = False) -> tuple[str, float]:
    """Return a number as the pump takes it (``1200+1`` is 12.00), and what that is exactly."""
    mantissa, power = f"{value:.3e}".split("e")
    digits, exponent = round(float(mantissa) * 1000), int(power)
    if down:
        digits, exponent = (digits - 1, exponent) if digits > 1000 else (9999, exponent - 1)
    return f"{digits:04d}{exponent:+d}", float(f"{digits}e{exponent - 3}")
