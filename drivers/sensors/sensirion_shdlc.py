"""Sensirion instruments over SHDLC, as far as talking to them goes (SHDLC guide for SFx6000).

Line: RS-485 two-wire or USB serial, 115200 8N1, one master, addresses 0 to 254. Request:
``7E address command length data checksum 7E``; the reply repeats address and command, and has a
state byte before its length. State: bit 7 says that the device holds an error of its own, the
others are the result of this command; numbers from 20h on differ between devices.

Requests are texts here: command and data in hexadecimal. Replies do not say which of several
requests of the same command they answer, so the version (D1) is the fence: its reply is the only
one of command D1.
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated, ClassVar

from pydantic import Field

from drivers.ascii import AsciiInstrument
from drivers.codec import ShdlcCodec, shdlc
from drivers.errors import CommandRejected, DeviceFault, GarbledReply
from drivers.options import DriverOptions, SerialOptions
from drivers.probes import FRAMED, Address, Probe
from drivers.signal import Lane
from drivers.transport.base import LineSpec

IDENTITY, VERSION, ERRORS = 0xD0, 0xD1, 0xD2
NAME, SERIAL = b"\x01", b"\x03"  # of what IDENTITY tells
LENGTH, UNKNOWN, ACCESS, PARAMETER = 1, 2, 3, 4
STATES = {
    LENGTH: "wrong length of data",
    UNKNOWN: "unknown command",
    ACCESS: "no access right",
    PARAMETER: "parameter not allowed",
}
PENDING = 0x80  # in the state: the device holds an error


def shdlc_probes(known: Callable[[str], bool]) -> tuple[Probe, ...]:
    """Return the probe that asks for the product's name; ``known`` says whether it fits."""
    return (
        Probe(
            lambda address: shdlc(int(address), IDENTITY, NAME),
            recognise=partial(_recognised, known),
            addresses=(0, 1, 2, 3),
            rank=FRAMED,
        ),
    )


def _recognised(known: Callable[[str], bool], address: Address, heard: bytes) -> str | None:
    codec = ShdlcCodec()
    codec.feed(heard)
    while (frame := codec.next_frame()) is not None:
        name = frame[4:].split(b"\0")[0].decode("ascii", "replace")
        if frame[:3] == bytes((int(address or 0), IDENTITY, 0)) and known(name):
            return f"Sensirion {name}"
    return None


class ShdlcOptions(SerialOptions):
    """Options of every SHDLC instrument."""

    timeout_s: Annotated[float, Field(gt=0, le=60)] = 0.5  # no command takes over 200 ms
    address: Annotated[int, Field(ge=0, le=254)] = 0


class ShdlcRejected(CommandRejected):
    """The device answered with an error state; nothing changed."""

    def __init__(self, instrument: str, request: str, state: int) -> None:
        why = STATES.get(state, "an error of this device: see its data sheet")
        super().__init__(instrument, f"request {request} is refused, state {state:02X}h ({why})")
        self.state = state


class ShdlcInstrument(AsciiInstrument):
    """The base of SHDLC drivers; see the module."""

    Options: ClassVar[type[DriverOptions]] = ShdlcOptions
    line = LineSpec(codec=lambda _port: ShdlcCodec(), baud_rate=115200, quiet_s=0.05)
    commands_answer = True
    fence, fence_reply = "D1", r"D1[0-9A-F]{6,}"

    def encoded(self, text: str) -> bytes:
        """Return a request as a frame to this device."""
        request = bytes.fromhex(text)
        return shdlc(self._address, request[0], request[1:])

    def reply_to(self, request: str, frame: bytes) -> str | None:
        """Return command and data of this device's reply to this command."""
        address, command, state = frame[:3]
        if address != self._address or command != int(request[:2], 16):
            return None
        if error := state & ~PENDING:
            raise ShdlcRejected(self.name, request, error)
        return f"{command:02X}{frame[4:].hex().upper()}"

    @property
    def _address(self) -> int:
        return self.options.address if isinstance(self.options, ShdlcOptions) else 0

    async def query(
        self, command: int, data: bytes = b"", *, sizes: tuple[int, ...] = (), lane: Lane
    ) -> bytes:
        """Return the data of a reply; ask again when it fails.

        Raises GarbledReply when it is not as long as one of ``sizes`` (none: any length).
        """
        text = f"{command:02X}{data.hex()}".upper()
        reply = bytes.fromhex((await self.ask(text, lane=lane))[2:])
        if sizes and len(reply) not in sizes:
            self.doubt()  # it may have been the reply to something else
            wanted = " or ".join(map(str, sizes))
            raise GarbledReply(self.name, bytes.fromhex(text), reply, f"not {wanted} bytes")
        return reply

    async def order(self, command: int, data: bytes = b"", *, lane: Lane = Lane.COMMAND) -> None:
        """Have the device do something, once; it acknowledges."""
        await self.tell(f"{command:02X}{data.hex()}".upper(), lane=lane)

    async def text_of(self, which: bytes) -> str:
        """Return a text about the device: its name, or its serial number."""
        reply = await self.query(IDENTITY, which, lane=Lane.COMMAND)
        return reply.split(b"\0")[0].decode("ascii", "replace").strip()

    async def firmware(self) -> str:
        """Return major and minor version of the firmware."""
        version = bytes.fromhex((await self.ask("D1", lane=Lane.COMMAND))[2:])
        return f"{version[0]}.{version[1]}"

    async def forget_errors(self) -> None:
        """Read and clear the errors of the past, where the device has an error state."""
        await self._errors(clear=True)

    async def check(self) -> None:
        """Raise DeviceFault while the device holds an error."""
        if held := await self._errors(clear=False):
            raise DeviceFault(self.name, f"device error state {held.hex().upper()}h")

    async def _errors(self, *, clear: bool) -> bytes:
        """Return the flags of the errors held, without zero bytes in front; empty: none."""
        try:
            state = await self.query(ERRORS, bytes((clear,)), lane=Lane.COMMAND)
        except ShdlcRejected as refusal:
            if refusal.state != UNKNOWN:
                raise
            return b""  # no error state: what goes wrong shows in each reply
        return state[:4].lstrip(b"\0")  # the flags; what follows is the last command's error
