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
        self._buffer = b""
        self._begin = 0  # of the frame under way
        self._searched = 0  # no terminator begins before this position
        self._skipping = False  # the frame under way is too long: drop it up to its terminator

    def feed(self, data: bytes) -> None:
        """Take bytes as they came."""
        self._buffer = self._buffer + data if self._buffer else data

    def next_frame(self) -> bytes | None:
        """Return the next whole frame, or None when there is none yet."""
        buffer, end = self._buffer, self._end
        while buffer and (at := buffer.find(end, self._searched)) >= 0:
            begin, self._begin = self._begin, at + len(end)
            self._searched = self._begin
            too_long = self._skipping or at - begin > self._max
            self._skipping = False
            if not too_long:
                frame = buffer[begin : self._begin if self._keep else at]
                if self._begin == len(buffer):  # nothing left to look at, as nearly always
                    self._buffer, self._begin, self._searched = b"", 0, 0
                return frame
        if buffer:
            self._keep_rest(buffer)
        return None

    def _keep_rest(self, buffer: bytes) -> None:
        """Keep what has not ended, unless it has become too long."""
        rest = buffer[self._begin :]
        self._buffer, self._begin = rest, 0
        self._searched = max(0, len(rest) - len(self._end) + 1)
        if self._searched > self._max:
            self._buffer, self._searched = rest[self._searched :], 0
            self._skipping = True

    def reset(self) -> None:
        """Forget a half-received frame."""
        self._buffer, self._begin, self._searched, self._skipping = b"", 0, 0, False
