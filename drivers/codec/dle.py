"""Frames between ``DLE STX`` and ``DLE ETX``; a DLE of the contents is doubled (ProPar binary)."""

DLE, STX, ETX = 0x10, 0x02, 0x03


class DleCodec:
    """The frame is the contents, every doubled DLE made single.

    A ``DLE STX`` begins the frame anew: inside the contents it cannot be. Frames over
    ``max_frame`` bytes, and those with a single DLE before anything else, are dropped.
    """

    def __init__(self, max_frame: int = 258) -> None:
        self._max = max_frame
        self._buffer = bytearray()  # not looked at yet
        self._contents: bytearray | None = None  # of the frame under way
        self._after_dle = False

    def feed(self, data: bytes) -> None:
        """Take bytes as they came."""
        self._buffer += data

    def next_frame(self) -> bytes | None:
        """Return the next whole frame, or None when there is none yet."""
        for at, byte in enumerate(self._buffer):
            if self._take(byte):
                frame = bytes(self._contents or b"")
                self._contents = None
                del self._buffer[: at + 1]
                return frame
        self._buffer.clear()
        return None

    def _take(self, byte: int) -> bool:
        """Take one byte; return whether it finishes a frame."""
        if self._after_dle:
            return self._take_pair(byte)
        if byte == DLE:
            self._after_dle = True
        else:
            self._append(byte)
        return False

    def _take_pair(self, byte: int) -> bool:
        """Take the byte after a DLE."""
        inside = self._contents is not None
        self._after_dle = byte == DLE and not inside  # outside it may be the first of a pair itself
        if byte == STX:
            self._contents = bytearray()
        elif byte == DLE:
            self._append(byte)
        elif byte == ETX and inside:
            return True
        else:
            self._contents = None
        return False

    def _append(self, byte: int) -> None:
        if self._contents is not None:
            self._contents.append(byte)
            if len(self._contents) > self._max:
                self._contents = None

    def reset(self) -> None:
        """Forget a half-received frame."""
        self._buffer.clear()
        self._contents = None
        self._after_dle = False


def dle_framed(contents: bytes) -> bytes:
    """Return the contents as a frame of :class:`DleCodec`."""
    doubled = contents.replace(b"\x10", b"\x10\x10")
    return bytes((DLE, STX)) + doubled + bytes((DLE, ETX))
