"""Text between STX and ETX, and packets with a length and a checksum there."""

from drivers.binary import crc16_xmodem
from drivers.codec.base import MAX_FRAME

STX = 0x02
ETX = 0x03


class StxEtxCodec:
    """``STX text ETX``; the frame is the text.

    A second STX begins the frame anew. Frames over ``max_frame`` bytes are dropped.
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
        while True:
            end = buffer.find(ETX)
            start = buffer.rfind(STX, 0, end if end >= 0 else len(buffer))
            if end < 0:
                self._trim(start)
                return None
            frame = bytes(buffer[start + 1 : end])
            del buffer[: end + 1]
            if start >= 0 and len(frame) <= self._max:
                return frame

    def _trim(self, start: int) -> None:
        """Keep only a frame under way that can still become valid."""
        if start < 0 or len(self._buffer) - start - 1 > self._max:
            self._buffer.clear()
        else:
            del self._buffer[:start]

    def reset(self) -> None:
        """Forget a half-received frame."""
        self._buffer.clear()


class PacketCodec:
    """``STX length payload crcHi crcLo ETX`` with CRC-16/XMODEM; the frame is the payload.

    ``length`` counts every byte after STX, itself and ETX included. Framing is by length, because
    ETX can occur in the checksum. A packet that fails is searched for the beginning of another.

    With ``text_from`` both framings may come mixed on one line: when the byte after STX is at
    least ``text_from``, it is text up to ETX (no packet is that long), else a packet.
    """

    OVERHEAD = 4  # length, two bytes of checksum, ETX

    def __init__(self, max_frame: int = 251, text_from: int | None = None) -> None:
        self._longest = min(max_frame + self.OVERHEAD, 255)
        if text_from is not None:
            self._longest = min(self._longest, text_from - 1)
        self._max, self._text_from = max_frame, text_from
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Take bytes as they came."""
        self._buffer += data

    def next_frame(self) -> bytes | None:
        """Return the next whole frame, or None when there is none yet."""
        buffer = self._buffer
        while (start := buffer.find(STX)) >= 0:
            if start:
                del buffer[:start]
            if len(buffer) < 2:
                return None
            size = self._size()
            if size is None:  # more bytes will tell
                return None
            frame = self._unpacked(size)
            del buffer[: size if frame is not None else 1]
            if frame is not None:
                return frame
        if buffer:
            buffer.clear()
        return None

    def _size(self) -> int | None:
        """Return the size of the frame at the front (0: none begins here), None when not known."""
        buffer, head = self._buffer, self._buffer[1]
        if self._text_from is not None and head >= self._text_from:
            end = buffer.find(ETX, 1, self._max + 2)
            if end < 0:
                return None if len(buffer) < self._max + 2 else 0
            return end + 1 if buffer.find(STX, 1, end) < 0 else 0
        if not self.OVERHEAD <= head <= self._longest:
            return 0
        return None if len(buffer) < head + 1 else head + 1

    def _unpacked(self, size: int) -> bytes | None:
        """Return the payload of the frame of this size at the front, or None when it is bad."""
        frame = bytes(self._buffer[:size])
        if not frame or frame[-1] != ETX:
            return None
        if self._text_from is not None and frame[1] >= self._text_from:
            return frame[1:-1]
        payload = frame[2:-3]
        return payload if crc16_xmodem(payload) == int.from_bytes(frame[-3:-1]) else None

    def reset(self) -> None:
        """Forget a half-received frame."""
        self._buffer.clear()


def packet(payload: bytes) -> bytes:
    """Return the payload as a packet of :class:`PacketCodec`."""
    size = len(payload) + PacketCodec.OVERHEAD
    if size > 255:
        raise ValueError(f"a packet holds at most 251 bytes, got {len(payload)}")
    return bytes((STX, size)) + payload + crc16_xmodem(payload).to_bytes(2) + bytes((ETX,))
