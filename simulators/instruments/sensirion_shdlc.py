"""How simulated Sensirion instruments are spoken to: SHDLC (guide for SFx6000, chapter framing).

Host: ``7E adr cmd len data chk 7E``; device: ``7E adr cmd state len data chk 7E``. The checksum is
the inverse of the low byte of the sum of all between the flags; 7E, 7D, 11 and 13 are sent as 7D
5E, 7D 5D, 7D 31 and 7D 33. A frame that is damaged, or for another address, is met with silence;
one to 255 is obeyed in silence.
"""

import struct
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from simulators.ports import Clock
from simulators.wire.line import Framing, Send

OK, LENGTH, UNKNOWN, ACCESS, PARAMETER = 0, 1, 2, 3, 4
BROADCAST = 255
_PLAIN = (b"\x7d", b"\x7e", b"\x11", b"\x13")  # the escape itself first
_SENT = (b"\x7d\x5d", b"\x7d\x5e", b"\x7d\x31", b"\x7d\x33")
_LONGEST = 600  # bytes without a flag before they are thrown away
_BAUD_RATES = (9600, 19200, 38400, 57600, 115200)


class ShdlcFault(Exception):  # an answer of the protocol, not an error of the simulator
    """The device refuses; becomes the state of the reply."""

    def __init__(self, state: int) -> None:
        super().__init__(f"SHDLC state {state:02X}h")
        self.state = state


Command = Callable[[bytes], bytes]


class ShdlcDevice:
    """The base of SHDLC instruments: identity, errors, address; sans-I/O.

    Subclasses add their commands: number to a method that takes the data and returns the reply's.
    """

    latency_s: float = 0.008
    exclusive: bool = False
    name_of_product: ClassVar[str] = ""
    article: ClassVar[str] = "1-100000-01"
    product_type: ClassVar[str] = "00000000"
    version: ClassVar[bytes] = bytes((1, 8, 0, 1, 0, 1, 0))

    def __init__(self, name: str, options: Mapping[str, Any], clock: Clock) -> None:
        self.name, self.clock = name, clock
        self.address = int(options.get("address", 0))
        self.serial = "24070123"
        self.baud_rate = 115200
        self.errors = 0  # flags that the device holds until they are cleared
        self.last_error = 0
        self.commands: dict[int, Command] = {
            0xD0: self._identity,
            0xD1: self._version,
            0xD2: self._error_state,
            0xD3: self._reset,
            0x90: self._slave_address,
            0x91: self._baud_rate,
        }

    def session(self, send: Send, framing: Framing) -> "ShdlcSession":
        """Return a session with a host; the framing is the same on every medium."""
        del framing
        return ShdlcSession(self, send)

    def hear(self, contents: bytes) -> bytes | None:
        """Return the reply's contents to a request's, without checksums; None for silence."""
        address, command, length = contents[:3]
        data = contents[3:]
        if length != len(data) or address not in (self.address, BROADCAST):
            return None
        state, reply = self._obey(command, data)
        if address == BROADCAST:
            return None
        if self.errors:
            state |= 0x80
        return bytes((address, command, state, len(reply))) + reply

    def reset(self) -> None:
        """Begin anew, as after switching on."""
        self.errors = self.last_error = 0

    def _obey(self, command: int, data: bytes) -> tuple[int, bytes]:
        if command not in self.commands:
            return UNKNOWN, b""
        try:
            return OK, self.commands[command](data)
        except ShdlcFault as fault:
            self.last_error = fault.state
            return fault.state, b""

    def _identity(self, data: bytes) -> bytes:
        sized(data, 1)
        texts = (self.product_type, self.name_of_product, self.article, self.serial)
        if data[0] >= len(texts):
            raise ShdlcFault(PARAMETER)
        return texts[data[0]].encode() + b"\0"

    def _version(self, data: bytes) -> bytes:
        sized(data, 0)
        return self.version

    def _error_state(self, data: bytes) -> bytes:
        sized(data, 1)
        held = struct.pack(">IB", self.errors, self.last_error)
        if data[0]:
            self.errors = self.last_error = 0
        return held

    def _reset(self, data: bytes) -> bytes:
        sized(data, 0)
        self.reset()
        return b""

    def _slave_address(self, data: bytes) -> bytes:
        if not data:
            return bytes((self.address,))
        sized(data, 1)
        if data[0] == BROADCAST:
            raise ShdlcFault(PARAMETER)
        self.address = data[0]  # the reply still comes from the old one
        return b""

    def _baud_rate(self, data: bytes) -> bytes:
        if not data:
            return struct.pack(">I", self.baud_rate)
        sized(data, 4)
        rate: int = struct.unpack(">I", data)[0]
        if rate not in _BAUD_RATES:
            raise ShdlcFault(PARAMETER)
        self.baud_rate = rate
        return b""


def sized(data: bytes, *lengths: int) -> None:
    """Refuse data of another length."""
    if len(data) not in lengths:
        raise ShdlcFault(LENGTH)


class ShdlcSession:
    """Cuts requests out of the line's bytes, and frames the replies."""

    def __init__(self, device: ShdlcDevice, send: Send) -> None:
        self._device, self._send = device, send
        self._pending = b""

    def receive(self, data: bytes) -> None:
        """Take bytes; answer every complete and intact request for this device."""
        *frames, self._pending = (self._pending + data).split(b"\x7e")
        if len(self._pending) > _LONGEST:
            self._pending = b""
        for frame in frames:
            contents = unstuffed(frame)
            if len(contents) >= 4 and _sum(contents[:-1]) == contents[-1]:
                reply = self._device.hear(contents[:-1])
                if reply is not None:
                    self._send(framed(reply))

    def close(self) -> None:
        """Forget what was half said."""
        self._pending = b""


def framed(contents: bytes) -> bytes:
    """Return contents as they travel: with a checksum, stuffed, between flags."""
    contents += bytes((_sum(contents),))
    for plain, sent in zip(_PLAIN, _SENT, strict=True):
        contents = contents.replace(plain, sent)
    return b"\x7e" + contents + b"\x7e"


def unstuffed(frame: bytes) -> bytes:
    """Return what was stuffed."""
    for plain, sent in reversed(tuple(zip(_PLAIN, _SENT, strict=True))):
        frame = frame.replace(sent, plain)
    return frame


def _sum(contents: bytes) -> int:
    return 0xFF - sum(contents) % 0x100
