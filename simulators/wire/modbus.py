"""Modbus slaves: RTU frames on a line, MBAP frames over TCP, written from the protocol's rules.

RTU: address, function, data, CRC-16 (polynomial A001h, initial FFFFh, low byte first). Gaps are not
reliable on terminals and sockets, so requests are cut by function and length; a frame with a wrong
CRC is dropped in silence together with what came with it. TCP: transaction, 0000, length, unit,
then function and data. Addresses and registers are 0-based, as on the wire.
"""

import struct
from collections.abc import Sequence
from typing import ClassVar, Protocol

from simulators.ports import Clock
from simulators.wire.line import Framing, Send, Session

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
BROADCAST = 0
_MAX_READ, _MAX_WRITE = 125, 123
_FIXED = {3: 8, 4: 8, 6: 8, 8: 8}  # request length by function; 16 tells its own
_WRITE_MANY = 16
_FORGET_S = 0.05  # silence that ends a frame for good, generous for terminals and bridges


class ModbusFault(Exception):  # an answer of the protocol, not an error of the simulator
    """The slave refuses; becomes an exception reply."""

    def __init__(self, code: int) -> None:
        super().__init__(f"Modbus exception {code}")
        self.code = code


class Registers(Protocol):
    """The register map of a slave."""

    functions: ClassVar[frozenset[int]]

    def read(self, address: int, count: int) -> Sequence[int]:
        """Return ``count`` registers (0 to FFFFh each); raise ModbusFault."""
        ...

    def write(self, address: int, values: Sequence[int]) -> None:
        """Write consecutive registers; raise ModbusFault."""
        ...


def crc16(data: bytes) -> int:
    """Return the Modbus CRC-16 of ``data``; it travels low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc


def _shifted(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return value


_TABLE = tuple(_shifted(byte) for byte in range(256))


def answer(registers: Registers, pdu: bytes) -> bytes:
    """Return the reply to a request, both as function and data without framing."""
    function = pdu[0]
    if function not in registers.functions:
        return bytes((function | 0x80, ILLEGAL_FUNCTION))
    try:
        return bytes((function,)) + _serve(registers, function, pdu[1:])
    except ModbusFault as fault:
        return bytes((function | 0x80, fault.code))


def _serve(registers: Registers, function: int, data: bytes) -> bytes:
    if len(data) < 4:  # every function here has two words at least
        raise ModbusFault(ILLEGAL_VALUE)
    if function == 8:  # diagnostics: echo
        return data
    address, word = struct.unpack_from(">HH", data)
    if function in (3, 4):
        if not 1 <= word <= _MAX_READ:
            raise ModbusFault(ILLEGAL_VALUE)
        return struct.pack(f">B{word}H", 2 * word, *registers.read(address, word))
    if function == _WRITE_MANY:
        if not 1 <= word <= _MAX_WRITE or len(data) != 5 + 2 * word or data[4] != 2 * word:
            raise ModbusFault(ILLEGAL_VALUE)
        registers.write(address, struct.unpack_from(f">{word}H", data, 5))
    else:
        registers.write(address, (word,))
    return data[:4]


class ModbusServer:
    """The base of Modbus instruments: a register map with an address; sans-I/O."""

    latency_s: float = 0.005
    exclusive: bool = False
    speaks_modbus: ClassVar[bool] = True

    def __init__(self, name: str, clock: Clock, registers: Registers, addresses: set[int]) -> None:
        self.name, self.clock = name, clock
        self.registers = registers
        self.addresses = addresses  # that it answers to on a line
        self.units = addresses | {255}  # and behind TCP

    def session(self, send: Send, framing: Framing) -> Session:
        """Return an RTU session (on a line or a raw socket) or a Modbus TCP one."""
        if framing == "modbus-tcp":
            return TcpSession(self, send)
        return RtuSession(self, send)


class RtuSession:
    """Cuts requests out of the line's bytes; hears those for others too, and keeps quiet."""

    def __init__(self, server: ModbusServer, send: Send) -> None:
        self._server, self._send = server, send
        self._pending = b""
        self._last = float("-inf")

    def receive(self, data: bytes) -> None:
        """Take bytes; answer every complete and intact request for this slave."""
        now = self._server.clock()
        if now - self._last > _FORGET_S:
            self._pending = b""
        self._last = now
        self._pending += data
        while (size := _request_size(self._pending)) is not None:
            frame, self._pending = self._pending[:size], self._pending[size:]
            if crc16(frame[:-2]) != int.from_bytes(frame[-2:], "little"):
                self._pending = b""  # not ours to understand until the line has been quiet
                return
            self._take(frame[0], frame[1:-2])

    def close(self) -> None:
        """Forget what was half said."""
        self._pending = b""

    def _take(self, address: int, pdu: bytes) -> None:
        if address == BROADCAST:
            answer(self._server.registers, pdu)
        elif address in self._server.addresses:
            reply = bytes((address,)) + answer(self._server.registers, pdu)
            self._send(reply + crc16(reply).to_bytes(2, "little"))


def _request_size(data: bytes) -> int | None:
    """Return the length of the request at the front, or None while it is not all there."""
    if len(data) < 4:  # nothing is shorter than address, function, CRC
        return None
    function = data[1]
    if function == _WRITE_MANY:
        size = 9 + data[6] if len(data) > 6 else 9  # the byte count's place
    else:
        size = _FIXED.get(function, len(data))  # an unknown function: what came is the frame
    return size if len(data) >= size else None


class TcpSession:
    """Cuts MBAP frames out of a stream."""

    def __init__(self, server: ModbusServer, send: Send) -> None:
        self._server, self._send = server, send
        self._pending = b""

    def receive(self, data: bytes) -> None:
        """Take bytes; answer every complete frame for this unit, drop a stream that is no MBAP."""
        self._pending += data
        while len(self._pending) >= 8:  # header and function
            transaction, protocol, length, unit = struct.unpack_from(">HHHB", self._pending)
            if protocol != 0 or not 2 <= length <= 254:  # the standard's bounds
                self._pending = b""
                return
            if len(self._pending) < 6 + length:
                return
            pdu, self._pending = self._pending[7 : 6 + length], self._pending[6 + length :]
            if unit in self._server.units:
                reply = answer(self._server.registers, pdu)
                self._send(struct.pack(">HHHB", transaction, 0, len(reply) + 1, unit) + reply)

    def close(self) -> None:
        """Forget what was half said."""
        self._pending = b""
