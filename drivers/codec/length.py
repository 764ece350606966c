"""Frames that say their own length."""

from typing import Literal

from drivers.codec.base import MAX_FRAME


class LengthCodec:
    """Frames with a length field ``at`` bytes after their beginning; returned whole.

    The whole frame is as long as the number there plus ``adds``. Bytes before ``start`` are
    dropped; a length that cannot be (shorter than its own field, longer than ``max_frame``) is
    stepped over byte by byte.
    """

    def __init__(
        self,
        at: int,
        size: int = 1,
        adds: int = 0,
        *,
        order: Literal["high", "low"] = "high",
        start: bytes = b"",
        max_frame: int = MAX_FRAME,
    ) -> None:
        if at < len(start) or size < 1:
            raise ValueError(f"a length at byte {at} lies inside the start {start!r}")
        self._at, self._size, self._adds, self._start = at, size, adds, start
        self._order: Literal["big", "little"] = "big" if order == "high" else "little"
        self._max = max_frame
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Take bytes as they came."""
        self._buffer += data

    def next_frame(self) -> bytes | None:
        """Return the next whole frame, or None when there is none yet."""
        buffer, head = self._buffer, self._at + self._size
        while self._align() and len(buffer) >= head:
            size = int.from_bytes(buffer[self._at : head], self._order) + self._adds
            if not head <= size <= self._max:
                del buffer[:1]
                continue
            if len(buffer) < size:
                return None
            frame = bytes(buffer[:size])
            del buffer[:size]
            return frame
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
