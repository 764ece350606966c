"""Modbus framing by pymodbus, made safe for real lines: RTU and TCP codecs, requests, answers.

Theory of operation (Modbus application protocol 1.1b3; Modbus over serial line 1.02, 2.5.1). RTU:
unit, function, data, CRC-16; frames end by a silence, which bridges, USB adapters and ptys do not
keep, so frames are cut by function and length. TCP: transaction, 0000, length, unit, function,
data. RTU over TCP is the RTU frame on a raw socket.

pymodbus' framers (3.16) expect one answer and nothing else in their buffer: the RTU framer throws
away all it holds after a frame or a wrong CRC, and waits for ever on a length read from garbage;
the TCP framer stays stuck on a wrong protocol id. So the codecs here find one candidate frame,
hand exactly its bytes to pymodbus for checking, and step on by one byte when it refuses. No other
module imports pymodbus, and this one only when the first line is opened.
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Literal, cast

if TYPE_CHECKING:
    from pymodbus.framer import FramerRTU, FramerSocket
    from pymodbus.pdu import DecodePDU, ModbusPDU

Framing = Literal["rtu", "tcp"]

READ_HOLDING, READ_INPUT, WRITE_ONE, DIAGNOSTIC, WRITE_MANY = 3, 4, 6, 8, 16
FUNCTIONS = frozenset({READ_HOLDING, READ_INPUT, WRITE_ONE, DIAGNOSTIC, WRITE_MANY})

EXCEPTION_BIT = 0x80
RTU_LIMIT = 256  # longest frame on a serial line
TCP_HEADER = 6  # transaction, protocol, length
TCP_LIMIT = TCP_HEADER + 254
BUFFER_LIMIT = 4 * TCP_LIMIT  # older bytes are dropped: nobody asked for that much


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a unit; ``exception`` is 0 in a good one.

    ``registers`` are of functions 03 and 04; ``address`` and ``count`` are of 16, and ``address``
    with the one register of 06. ``data`` is the whole answer after the function code.
    """

    unit: int
    transaction: int
    function: int
    exception: int
    registers: tuple[int, ...]
    address: int
    count: int
    data: bytes


@dataclass(frozen=True, slots=True)
class _Pymodbus:
    """What is used of pymodbus."""

    rtu: "FramerRTU"
    tcp: "FramerSocket"
    decoder: "DecodePDU"


@cache
def _pymodbus() -> _Pymodbus:
    """Import pymodbus now; its decoder is told only the functions used here."""
    from pymodbus.framer import FramerRTU, FramerSocket
    from pymodbus.pdu import DecodePDU

    decoder = DecodePDU(is_server=False)
    decoder.pdu_table = {code: DecodePDU.pdu_table[code] for code in FUNCTIONS}
    return _Pymodbus(FramerRTU(decoder), FramerSocket(decoder), decoder)


def _framed(pdu: "ModbusPDU", framing: Framing) -> bytes:
    pymodbus = _pymodbus()
    framer = pymodbus.rtu if framing == "rtu" else pymodbus.tcp
    return framer.buildFrame(pdu)


@lru_cache(maxsize=1024)
def read_request(framing: Framing, unit: int, function: int, address: int, count: int) -> bytes:
    """Return the frame that reads ``count`` registers by function 03 or 04 (transaction 0)."""
    from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

    kind = ReadInputRegistersRequest if function == READ_INPUT else ReadHoldingRegistersRequest
    return _framed(kind(dev_id=unit, address=address, count=count), framing)


def write_request(
    framing: Framing, unit: int, address: int, registers: tuple[int, ...], function: int
) -> bytes:
    """Return the frame that writes registers by function 06 (one) or 16 (transaction 0)."""
    from pymodbus.pdu.register_message import (
        WriteMultipleRegistersRequest,
        WriteSingleRegisterRequest,
    )

    kind = WriteSingleRegisterRequest if function == WRITE_ONE else WriteMultipleRegistersRequest
    return _framed(kind(dev_id=unit, address=address, registers=list(registers)), framing)


def echo_request(framing: Framing, unit: int, data: int) -> bytes:
    """Return the frame of function 08, sub-function 0: the unit repeats it (transaction 0)."""
    from pymodbus.pdu.diag_message import ReturnQueryDataRequest

    return _framed(ReturnQueryDataRequest(message=data, dev_id=unit), framing)


def _sane(pdu: bytes) -> bool:
    """Return whether an answer's length fits its function; pymodbus does not look."""
    function = pdu[0]
    if function & EXCEPTION_BIT:
        return len(pdu) == 2 and pdu[1] > 0
    if function in {READ_HOLDING, READ_INPUT}:
        return pdu[1] == len(pdu) - 2 and pdu[1] > 0 and pdu[1] % 2 == 0
    return len(pdu) == 5


def answer(framing: Framing, frame: bytes) -> Answer:
    """Decode a frame that a codec let through."""
    pymodbus = _pymodbus()
    framer = pymodbus.rtu if framing == "rtu" else pymodbus.tcp
    _, unit, transaction, pdu = framer.decode(frame)
    decoded = pymodbus.decoder.decode(pdu)
    if decoded is None:
        raise ValueError(f"not a frame of {framing}: {frame!r}")
    return Answer(
        unit=unit,
        transaction=transaction,
        function=pdu[0] & ~EXCEPTION_BIT,
        exception=decoded.exception_code,
        registers=tuple(cast("list[int]", decoded.registers)),
        address=decoded.address,
        count=decoded.count,
        data=pdu[1:],
    )


class RtuCodec:
    """Unit, function, data, CRC; on serial lines, and on raw sockets (RTU over TCP).

    Frames are whole answers, CRC included.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Take bytes as they came."""
        self._buffer += data
        del self._buffer[:-BUFFER_LIMIT]

    def reset(self) -> None:
        """Forget a half frame."""
        self._buffer.clear()

    def next_frame(self) -> bytes | None:
        """Return the first frame with a right CRC; hunts past garbage and half frames."""
        data = bytes(self._buffer)
        waiting: int | None = None  # where a frame may have begun whose end is still to come
        for start in range(len(data)):
            size = _rtu_size(data[start : start + 3])
            if size is None:
                continue
            if size == 0 or start + size > len(data):
                waiting = start if waiting is None else waiting
                continue
            frame = data[start : start + size]
            _, _, _, pdu = _pymodbus().rtu.decode(frame)
            if pdu and _sane(pdu):
                del self._buffer[: start + size]
                return frame
        del self._buffer[: len(data) if waiting is None else waiting]
        return None


def _rtu_size(head: bytes) -> int | None:
    """Return the length of the frame that begins so; 0 when too short to tell; None when none does.

    Unit 0 is broadcast and never answers.
    """
    if head[0] == 0:
        return None
    if len(head) < 2:
        return 0
    function = head[1]
    if function & ~EXCEPTION_BIT not in FUNCTIONS:
        return None
    if function & EXCEPTION_BIT:
        return 5
    if function not in {READ_HOLDING, READ_INPUT}:
        return 8
    if len(head) < 3:
        return 0
    size = head[2] + 5
    return size if head[2] % 2 == 0 and head[2] > 0 and size <= RTU_LIMIT else None


class TcpCodec:
    """Modbus TCP; frames are whole answers, header included.

    There is no checksum: a half frame is waited for, never searched for another inside it. A
    header that cannot be one is stepped over byte by byte.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Take bytes as they came."""
        self._buffer += data
        del self._buffer[:-BUFFER_LIMIT]

    def reset(self) -> None:
        """Forget a half frame."""
        self._buffer.clear()

    def next_frame(self) -> bytes | None:
        """Return the next answer, or None when there is none yet."""
        buffer = self._buffer
        while len(buffer) > TCP_HEADER + 1:
            size = TCP_HEADER + int.from_bytes(buffer[4:6], "big")
            if not _tcp_head(buffer, size):
                del buffer[0]
                continue
            if len(buffer) < size:
                return None
            frame = bytes(buffer[:size])
            del buffer[:size]
            _, _, _, pdu = _pymodbus().tcp.decode(frame)
            if _sane(pdu):
                return frame
        return None


def _tcp_head(buffer: bytearray, size: int) -> bool:
    """Return whether an answer of this size can begin here."""
    function = buffer[7] & ~EXCEPTION_BIT
    return (
        not any(buffer[2:4])  # protocol 0 is Modbus
        and TCP_HEADER + 3 <= size <= TCP_LIMIT  # a unit, a function and something
        and function in FUNCTIONS
    )


def numbered(request: bytes, transaction: int) -> bytes:
    """Return a Modbus TCP request with this transaction number."""
    return transaction.to_bytes(2, "big") + request[2:]


def framing_of(port: str) -> Framing:
    """Return how Modbus is framed on a port: TCP behind ``modbus-tcp://``, else RTU."""
    return "tcp" if port.startswith("modbus-tcp://") else "rtu"


def codec_for(port: str) -> RtuCodec | TcpCodec:
    """Return a new codec for a port."""
    return TcpCodec() if framing_of(port) == "tcp" else RtuCodec()
