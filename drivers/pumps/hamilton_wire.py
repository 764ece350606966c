"""The wire of Hamilton Microlab 600 and MVP: Protocol 1/RNO+ (Microlab 600 RS-232 manual).

Line: RS-232, 9600 baud, 7 data bits, odd parity, 1 stop bit; a daisy chain of up to 16 instruments
with addresses ``a`` to ``p``. A request is address, text, CR; the answer ACK, data, CR, or NAK, CR.
At least 1 ms between an answer and the next request.

Oddities: answers carry neither address nor question, so the firmware query ``U`` is the fence, and
all instruments of a chain share it: what comes late on a chain comes in order. After power-up the
chain ignores everything until ``1a`` has given out the addresses. That moves nothing and changes
nothing on a chain that has them; it is sent when ``U`` is not answered, and the identity then says
so. A chain that had none was without power: its instruments count as not initialised, and
initialising is an act of its own (signal ``initialised``), because it moves plunger and valve.
"""

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, ClassVar
from weakref import WeakKeyDictionary

from pydantic import Field

from drivers.ascii import AsciiInstrument
from drivers.bus import Bus
from drivers.codec import LineCodec
from drivers.errors import CommandRejected, DeviceFault, NoReply, NotReady, WrongInstrument
from drivers.fence import Fence
from drivers.options import DriverOptions, SerialOptions
from drivers.probes import BARE, Probe
from drivers.signal import Lane, Limits
from drivers.transport.base import LineSpec

ACK, NAK = b"\x06", b"\x15"
YES_NO_BUSY = re.compile(r"[YN*]")
QUERIES = {  # without the letter of the side
    "U": re.compile(r"[A-Z]{2}\d\S*"),
    "F": YES_NO_BUSY,
    "Z": YES_NO_BUSY,
    "G": YES_NO_BUSY,
    "H": YES_NO_BUSY,
    "E1": re.compile(r"[@-_]"),  # bit 6 is always 1, bit 5 is none
    "YQP": re.compile(r"\d{1,5}"),
    "LQP": re.compile(r"\d{1,2}"),
}
SIDED = ("Z", "G", "YQP", "LQP")  # of one side
NOTHING = re.compile("")  # commands are answered without data
ADDRESSED = re.compile(rb"1[a-q]")
LOOK_S = 0.1  # between looks at something that moves


class HamiltonOptions(SerialOptions):
    """Options of an instrument on a Hamilton chain."""

    timeout_s: Annotated[float, Field(gt=0, le=60)] = 0.5  # answers come at once
    address: Annotated[str, Field(pattern=r"^[a-p]$")] = "a"
    eight_bits: bool = False  # the port cannot do 7O1: use 8N1, and mask the eighth bit

    def line(self, line: LineSpec) -> LineSpec:
        """Return the driver's line, of eight bits where the port cannot do seven and parity."""
        line = super().line(line)
        if not self.eight_bits:
            return line
        return LineSpec(codec=line.codec, baud_rate=line.baud_rate, gap_s=line.gap_s)


@dataclass
class Chain:
    """What the instruments of one chain have in common."""

    fence: Fence
    power_ups: int = 0  # how often addresses had to be given out anew


CHAINS: WeakKeyDictionary[Bus, Chain] = WeakKeyDictionary()


def chain_probes(firmware: bytes, identity: str) -> tuple[Probe, ...]:
    """Return the probes for instruments whose answer to ``U`` matches ``firmware``.

    A chain that was switched on and has no addresses yet stays silent: a scan gives out none.
    """
    return (
        Probe(
            lambda letter: f"{letter}U\r".encode(),
            b"\x06(" + firmware + rb"\d\S*)\r",
            identity,
            addresses=tuple("abcd"),
            rank=BARE,
        ),
    )


class HamiltonWire(AsciiInstrument):
    """An instrument on a chain, as far as talking to it goes."""

    Options: ClassVar[type[DriverOptions]] = HamiltonOptions
    line = LineSpec(
        codec=lambda _port: LineCodec(b"\r"), data_bits=7, parity="O", gap_s=0.001, quiet_s=0.2
    )
    commands_answer = True
    fence, fence_reply = "U", QUERIES["U"].pattern
    declared_queries = ("U", "F", "H", "E1", *(side + q for side in "BC" for q in SIDED))
    firmware: ClassVar[tuple[str, ...]]  # how the answer to U begins
    model: ClassVar[str]
    side: str = ""  # letter of the drive that requests are for

    def __init__(
        self, name: str, bus: Bus, options: HamiltonOptions, limits: Mapping[str, Limits]
    ) -> None:
        super().__init__(name, bus, options, limits)
        self._letter, self._mask = options.address, options.eight_bits
        self._counts = bus not in CHAINS  # one of the chain counts the fences that come late
        self._chain = CHAINS.setdefault(bus, Chain(self._fence))
        self._fence = self._chain.fence
        self._ready_since = 0  # power-ups of the chain when it was last initialised
        self._note = ""

    def _hear_fence(self, frame: bytes) -> None:
        if self._counts:
            super()._hear_fence(frame)

    # --- what the wire says

    def encoded(self, text: str) -> bytes:
        """Return a request to this instrument."""
        return f"{self._letter}{text}\r".encode("ascii")

    def reply_to(self, request: str, frame: bytes) -> str | None:
        """Return the data of an answer that has the form of one to this request."""
        if self._mask:
            frame = bytes(byte & 0x7F for byte in frame)
        if frame == NAK:
            raise CommandRejected(self.name, f"{request!r} was answered NAK (malformed)")
        if frame[:1] != ACK or not frame.isascii():
            return None
        text = frame[1:].decode("ascii")
        query = request if request in QUERIES else request[1:]
        return text if QUERIES.get(query, NOTHING).fullmatch(text) else None

    async def query(self, text: str, lane: Lane = Lane.COMMAND) -> str:
        """Return the answer to a query for this side."""
        return await self.ask(self.side + text, lane=lane)

    async def perform(self, text: str, lane: Lane = Lane.COMMAND) -> None:
        """Send a command for this side, once."""
        await self.tell(self.side + text, lane=lane)

    # --- finding it

    async def identify(self) -> str:
        """Return model and firmware; give out addresses where nobody has one."""
        version = await self.find()
        if not version.startswith(self.firmware):
            what = f"{version!r} answers, which is no {self.model}"
            raise WrongInstrument(self.name, what)
        return f"{self.model} {version}, address {self._letter}{self._note}"

    async def find(self) -> str:
        """Return the firmware; a chain that is silent is given addresses, and asked again."""
        with suppress(NoReply):
            return await self._exchange("U", Lane.COMMAND, 1)
        await self._give_addresses()
        return await self._exchange("U", Lane.COMMAND, 1)

    async def _give_addresses(self) -> None:
        timeout_s = self.options.timeout_s
        answer = await self.bus.exchange(
            self.name, b"1a\r", self._last_address, lane=Lane.COMMAND, timeout_s=timeout_s
        )
        if answer == "a":  # they had theirs
            return
        self._chain.power_ups += 1
        self._note = f" (addresses were given out: the chain was switched on; next is {answer})"

    def _last_address(self, frame: bytes) -> str | None:
        """Return the letter that came back, ``a`` from a chain that had addresses already."""
        if self._mask:
            frame = bytes(byte & 0x7F for byte in frame)
        return frame[1:].decode("ascii") if ADDRESSED.fullmatch(frame) else None

    # --- initialising

    @property
    def ready(self) -> bool:
        """Return whether it is initialised, as far as the chain's power tells."""
        return self._ready_since == self._chain.power_ups

    def require_ready(self) -> None:
        """Raise NotReady while it has not been initialised since it was switched on."""
        if not self.ready:
            what = (
                "is not initialised since it was switched on: set the signal"
                f" {self.name}.initialised to true, which moves it"
            )
            raise NotReady(self.name, what)

    async def read_initialised(self, lane: Lane) -> bool:
        """Return whether it may be used; the instrument itself is asked for errors by check()."""
        del lane
        return self.ready

    def initialised_now(self) -> None:
        """Note that it has been initialised."""
        self._ready_since = self._chain.power_ups

    async def until_idle(self, limit_s: float, lane: Lane) -> None:
        """Wait until nothing of the instrument moves; raise DeviceFault when that takes longer."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit_s
        while await self.ask("F", lane=lane) == "*":
            if loop.time() >= deadline:
                raise DeviceFault(self.name, f"is still moving after {limit_s:g} s")
            await asyncio.sleep(LOOK_S)
