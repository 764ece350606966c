"""Frames of a fixed length."""


class FixedCodec:
    """Frames of a fixed length that begin with ``start`` and finish with ``end``.

    Bytes before ``start`` are dropped; when ``end`` is not where it should be, the search begins
    again one byte after that start. The frame is returned whole, markers included.
    """

    def __init__(self, length: int, start: bytes = b"", end: bytes = b"") -> None:
        if length < max(1, len(start) + len(end)):
            raise ValueError(f"a frame of {length} bytes cannot hold {start!r} and {end!r}")
        self._length, self._start, self._end = length, start, end
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Take bytes as they came."""
        self._buffer += data

    def next_frame(self) -> bytes | None:
        """Return the next whole frame, or None when there is none yet."""
        buffer = self._buffer
        while self._align() and len(buffer) >= self._length:
            frame = bytes(buffer[: self._length])
            if frame.endswith(self._end):
                del buffer[: self._length]
                return frame
            del buffer[:1]
        return None

    def _align(self) -> bool:
        """Drop what precedes ``start``; return whether ``start`` is at the front."""
        at = self._buffer.find(self._start)
        if at >= 0:
            del self._buffer[:at]
            return True
        keep = len(self._start) - 1  # the beginning of a start marker may be cut
        del self._buffer[: max(0, len(self._buffer) - keep)]
        return False

    def reset(self) -> None:
        """Forget a half-received frame."""
        self._buffer.clear()
