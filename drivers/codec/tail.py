"""Frames whose terminator is followed by a checksum of fixed size."""

from drivers.codec.base import MAX_FRAME


class TailCodec:
    """``text end tail``, the tail ``size`` bytes long; the frame is all of it.

    The tail may hold any bytes, the terminator among them. Frames over ``max_frame`` bytes are
    dropped.
    """

    def __init__(self, end: bytes, size: int, max_frame: int = MAX_FRAME) -> None:
        if not end or size < 1:
            raise ValueError(f"a terminator and a tail are needed, got {end!r} and {size}")
        self._end, self._size, self._max = end, size, max_frame
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Take bytes as they came."""
        self._buffer += data

    def next_frame(self) -> bytes | None:
        """Return the next whole frame, or None when there is none yet."""
        buffer, width = self._buffer, len(self._end) + self._size
        while (at := buffer.find(self._end)) >= 0 and len(buffer) >= at + width:
            frame = bytes(buffer[: at + width])
            del buffer[: at + width]
            if at <= self._max:
                return frame
        del buffer[: max(0, len(buffer) - self._max - width)]  # the end of it is of no use either
        return None

    def reset(self) -> None:
        """Forget a half-received frame."""
        self._buffer.clear()
