"""Frames of the OEM protocol of Cavro pumps and their kin: text, and one XOR byte after it."""

from functools import reduce
from operator import xor

from drivers.codec.base import MAX_FRAME
from drivers.codec.stx_etx import ETX, STX


def xor_checksum(data: bytes | bytearray) -> int:
    """Return the XOR of all bytes. Vector: ``02 31 31 5A 52 03`` gives 0x09."""
    return reduce(xor, data, 0)


class OemCodec:
    """``STX text ETX check``; the frame is the text, ``check`` the XOR of all bytes before it.

    The check byte may look like any other. What fails is searched for the beginning of another.
    """

    def __init__(self, max_frame: int = MAX_FRAME) -> None:
        self._max = max_frame
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Take bytes as they came."""
        self._buffer += data

    def next_frame(self) -> bytes | None:
        """Return the next whole frame, or None when there is none yet."""
        buffer = self._buffer
        while (start := buffer.find(STX)) >= 0:
            del buffer[:start]
            end = buffer.find(ETX, 1, self._max + 2)
            if end < 0 and len(buffer) <= self._max + 1:
                return None
            if 0 <= end == len(buffer) - 1:
                return None  # the check byte is still to come
            if end > 0 and buffer[end + 1] == xor_checksum(buffer[: end + 1]):
                frame = bytes(buffer[1:end])
                del buffer[: end + 2]
                return frame
            del buffer[:1]
        buffer.clear()
        return None

    def reset(self) -> None:
        """Forget a half-received frame."""
        self._buffer.clear()
