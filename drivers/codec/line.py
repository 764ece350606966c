"""Frames that end with a terminator."""

from drivers.codec.base import MAX_FRAME


class LineCodec:
    """Frames that end with a terminator, which is not part of the frame.

    With ``keep`` the terminator stays in the frame (XML documents cut at their closing tag).
    Frames over ``max_frame`` bytes are dropped whole.
    """

    def __init__(self, end: bytes, max_frame: int = MAX_FRAME, *, keep: bool = False) -> None:
        if not end or max_frame < 1:
            raise ValueError(f"a terminator and a positive max_frame are needed, got {end!r}")
        self._end, self._max, self._keep = end, max_frame, keep
        self._buffer = bytearray()
        self._searched = 0  # no terminator begins before this position
        self._skipping = False  # the frame under way is too long: drop it up to its terminator

    def feed(self, data: bytes) -> None:
        """Take bytes as they came."""
        self._buffer += data

    def next_frame(self) -> bytes | None:
        """Return the next whole frame, or None when there is none yet."""
        buffer, width = self._buffer, len(self._end)
        while (at := buffer.find(self._end, self._searched)) >= 0:
            frame = bytes(buffer[: at + width if self._keep else at])
            del buffer[: at + width]
            self._searched = 0
            too_long = self._skipping or at > self._max
            self._skipping = False
            if not too_long:
                return frame
        self._searched = max(0, len(buffer) - width + 1)
        if self._searched > self._max:
            del buffer[: self._searched]
            self._searched = 0
            self._skipping = True
        return None

    def reset(self) -> None:
        """Forget a half-received frame."""
        self._buffer.clear()
        self._searched = 0
        self._skipping = False
