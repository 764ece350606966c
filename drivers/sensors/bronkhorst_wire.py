"""ProPar, the protocol of Bronkhorst instruments on RS-232 and FLOW-BUS (manual 9.17.027).

Line: 38400 8N1. A message is a node and a body: status ``00 status position``, write ``01``,
answer ``02``, read ``04``. A parameter is a process and a type with a number; a read also names the
process and index under which it is to be answered. Two framings of the same body: ASCII, ``:``
length node body CR LF in hexadecimal; binary, ``DLE STX sequence node length body DLE ETX`` with
DLE doubled. There is no checksum: length, node, process and index must be those asked for.

Requests are texts here: sequence number and body, in hexadecimal. In binary the number is echoed,
and one whose reply may still come is not used again. In ASCII nothing tells what a status belongs
to, so a read that is answered under an index of its own (31) is the fence.
"""

import asyncio
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from drivers.ascii import AsciiInstrument
from drivers.bus import Bus
from drivers.codec import DleCodec, LineCodec, dle_framed
from drivers.errors import CommandRejected, GarbledReply, NoReply
from drivers.fence import LATE_S
from drivers.options import DriverOptions, SerialOptions
from drivers.signal import Lane, Limits
from drivers.table import BadValue
from drivers.transport.base import LineSpec

STATUS, WRITE, ANSWER, READ = 0, 1, 2, 4
ANY_NODE = 128
CHAR, INT16, LONG, TEXT = 0x00, 0x20, 0x40, 0x60
SIZES = {CHAR: 1, INT16: 2, LONG: 4}
INDEX = 1  # under which a read is answered; the fence has 31
STATUSES = {
    1: "process claimed",
    2: "command",
    3: "process",
    4: "parameter",
    5: "type",
    6: "value",
    7: "network not active",
}


def _binary(_port: str) -> DleCodec:
    return DleCodec()


def _ascii(_port: str) -> LineCodec:
    return LineCodec(b"\r\n", 600)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter: where it is, and its type."""

    process: int
    number: int
    type: int

    def read(self) -> str:
        """Return the body that asks for it."""
        body = bytes((READ, self.process, self.type | INDEX, self.process, self.type | self.number))
        return (body + (b"\0" if self.type == TEXT else b"")).hex().upper()  # of unknown length

    def write(self, value: bytes) -> str:
        """Return the body that writes it."""
        return (bytes((WRITE, self.process, self.type | self.number)) + value).hex().upper()


class ProparOptions(SerialOptions):
    """Options of every ProPar instrument."""

    timeout_s: Annotated[float, Field(gt=0, le=60)] = 0.5
    address: Annotated[int, Field(ge=1, le=ANY_NODE)] = 3  # node; 128: whatever is connected
    framing: Literal["binary", "ascii"] = "binary"

    def line(self, line: LineSpec) -> LineSpec:
        """Return the line with the configured rate, echo and framing."""
        codec = _ascii if self.framing == "ascii" else _binary
        return replace(super().line(line), codec=codec)


class ProparRejected(CommandRejected):
    """The instrument answered with a status other than ok; nothing changed."""

    def __init__(self, instrument: str, request: str, status: int) -> None:
        why = STATUSES.get(status, "see the manual")
        super().__init__(instrument, f"request {request} is refused, status {status:02X}h ({why})")
        self.status = status


class ProparInstrument(AsciiInstrument):
    """The base of ProPar drivers; see the module."""

    Options: ClassVar[type[DriverOptions]] = ProparOptions
    line = LineSpec(codec=_binary, baud_rate=38400, quiet_s=0.05)
    commands_answer = True
    fence, fence_reply = "00:04013F0120", r"013F:[0-9A-F]{4}"

    def __init__(
        self, name: str, bus: Bus, options: ProparOptions, limits: Mapping[str, Limits]
    ) -> None:
        super().__init__(name, bus, options, limits)
        self._node, self._numbered = options.address, options.framing == "binary"
        self._number = 0  # the last sequence number used
        self._owed: dict[int, float] = {}  # numbers whose reply has not come, and when they went

    def doubt(self) -> None:
        """Note that a reply may still come; sequence numbers tell them apart by themselves."""
        if not self._numbered:
            super().doubt()

    def encoded(self, text: str) -> bytes:
        """Return a request in the framing of the line."""
        number, body = _parts(text)
        if self._numbered:
            return dle_framed(bytes((number, self._node, len(body))) + body)
        message = bytes((len(body) + 1, self._node)) + body
        return b":" + message.hex().upper().encode() + b"\r\n"

    def reply_to(self, request: str, frame: bytes) -> str | None:
        """Return process, index and value of an answer, or ``00`` for a write that was taken."""
        number, asked = _parts(request)
        message = self._message(number, frame)
        if message is None or (message[0] != self._node and self._node != ANY_NODE):
            return None
        body = message[1:]
        if body[0] == STATUS and len(body) == 3:
            return self._status(request, asked, body[1])
        if body[0] != ANSWER or asked[0] != READ or body[1:3] != asked[1:3]:
            return None
        value = body[3:]
        if (size := SIZES.get(asked[2] & TEXT)) is not None and len(value) != size:
            return None
        return f"{body[1:3].hex()}:{value.hex()}".upper()

    def _status(self, request: str, asked: bytes, status: int) -> str | None:
        if status:
            raise ProparRejected(self.name, request.partition(":")[2], status)
        return "00" if asked[0] == WRITE else None

    def _message(self, number: int, frame: bytes) -> bytes | None:
        """Return node and body of a frame with the right length and number."""
        if self._numbered:
            whole = len(frame) > 3 and frame[0] == number and frame[2] == len(frame) - 3
            return frame[1:2] + frame[3:] if whole else None
        try:
            message = bytes.fromhex(frame.rpartition(b":")[2].decode("ascii"))
        except ValueError:  # not hexadecimal, or not even text
            return None
        return message[1:] if len(message) > 2 and message[0] == len(message) - 1 else None

    async def query(self, parameter: Parameter, lane: Lane) -> bytes:
        """Return the value of a parameter as its bytes; ask again when that fails."""
        for _ in range(self.attempts - 1):
            try:
                return await self._value(parameter, lane)
            except (NoReply, GarbledReply):
                continue
        return await self._value(parameter, lane)

    async def order(self, parameter: Parameter, value: bytes, lane: Lane) -> None:
        """Write a parameter, once; in a trip acting comes first, certainty after."""
        await self._numbered_exchange(parameter.write(value), lane, fence=lane is not Lane.TRIP)

    async def _value(self, parameter: Parameter, lane: Lane) -> bytes:
        reply = await self._numbered_exchange(parameter.read(), lane, fence=True)
        return bytes.fromhex(reply.partition(":")[2])

    async def _numbered_exchange(self, body: str, lane: Lane, *, fence: bool) -> str:
        number = self._next_number()
        self._owed[number] = asyncio.get_running_loop().time()
        reply = await self._fenced(f"{number:02X}:{body}", lane, fence=fence)
        del self._owed[number]
        return reply

    def _next_number(self) -> int:
        """Return a sequence number that no late reply can carry."""
        now = asyncio.get_running_loop().time()
        self._owed = {n: sent for n, sent in self._owed.items() if now - sent <= LATE_S}
        free = (self._number + k for k in range(1, 257))
        self._number = next((n % 256 for n in free if n % 256 not in self._owed), self._number)
        return self._number

    async def number(self, parameter: Parameter, lane: Lane) -> float:
        """Return a float parameter; raise BadValue when it is none."""
        value: float = struct.unpack(">f", await self.query(parameter, lane))[0]
        if not isfinite(value):
            raise BadValue("nan")
        return value

    async def count(self, parameter: Parameter, lane: Lane) -> int:
        """Return a parameter that is a whole number."""
        return int.from_bytes(await self.query(parameter, lane), "big")

    async def text(self, parameter: Parameter, lane: Lane) -> str:
        """Return a text: its length, or 0 and a zero byte at its end, then what it says."""
        length, *characters = await self.query(parameter, lane) or b"\0"
        kept = bytes(characters[:length] if length else characters)
        return kept.split(b"\0")[0].decode("latin-1").strip()


def _parts(text: str) -> tuple[int, bytes]:
    """Return sequence number and body of a request."""
    number, _, body = text.partition(":")
    return int(number, 16), bytes.fromhex(body)
