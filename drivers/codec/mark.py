"""Replies of one character without an end, beside lines with one."""

from drivers.codec.base import MAX_FRAME


class MarkCodec:
    """Frames that are one of ``marks``, alone, or lines that finish with ``end``.

    A mark has nothing around it that would show damage, so it counts only when nothing else
    follows it in what has come: before other bytes it is dropped (noise, or different replies at
    once), and inside a line it belongs to the line. Lines over ``max_frame`` bytes are dropped.
    """

    def __init__(self, marks: bytes, end: bytes, max_frame: int = MAX_FRAME) -> None:
        if not marks or not end or max_frame < 1:
            raise ValueError(f"marks, a terminator and a length are needed, got {marks!r}, {end!r}")
        self._marks, self._end, self._max = marks, end, max_frame
        self._buffer = bytearray()
        self._skipping = False  # the line under way is too long: drop it up to its terminator

    def feed(self, data: bytes) -> None:
        """Take bytes as they came."""
        self._buffer += data

    def next_frame(self) -> bytes | None:
        """Return the next mark or line, or None when there is none yet."""
        buffer = self._buffer
        while buffer:
            if not self._skipping and (mark := self._take_marks()):
                return mark
            at = buffer.find(self._end)
            if at < 0:
                self._trim()
                return None
            frame = bytes(buffer[:at])
            del buffer[: at + len(self._end)]
            whole, self._skipping = not self._skipping and at <= self._max, False
            if whole:
                return frame
        return None

    def _take_marks(self) -> bytes:
        """Take the marks off the front; return one when all that has come is this mark."""
        buffer = self._buffer
        if buffer[0] in self._marks and len(set(buffer)) == 1:
            return bytes((buffer.pop(),))
        del buffer[: len(buffer) - len(buffer.lstrip(self._marks))]
        return b""

    def _trim(self) -> None:
        """Keep of a line that is too long only what may be the beginning of its terminator."""
        if self._skipping or len(self._buffer) >= self._max + len(self._end):
            self._skipping = bool(self._buffer)
            del self._buffer[: len(self._buffer) - len(self._end) + 1]

    def reset(self) -> None:
        """Forget a half-received line."""
        self._buffer.clear()
        self._skipping = False
