"""Frames that end with a silence."""

from drivers.codec.base import MAX_FRAME


class SilenceCodec:
    """What came between two silences of ``silence_s`` is one frame.

    The bus watches the clock for it: it calls ``fall_silent`` when nothing has come for
    ``silence_s``. Frames over ``max_frame`` bytes are dropped whole.
    """

    def __init__(self, silence_s: float, max_frame: int = MAX_FRAME) -> None:
        self.silence_s = silence_s
        self._max = max_frame
        self._buffer = bytearray()
        self._whole: bytes | None = None

    def feed(self, data: bytes) -> None:
        """Take bytes as they came."""
        self._buffer += data
        del self._buffer[self._max + 1 :]  # too long already: one byte more says so

    def fall_silent(self) -> None:
        """Note that nothing has come for ``silence_s``: the frame is complete."""
        if 0 < len(self._buffer) <= self._max:
            self._whole = bytes(self._buffer)
        self._buffer.clear()

    def next_frame(self) -> bytes | None:
        """Return the frame that a silence has completed, or None."""
        frame, self._whole = self._whole, None
        return frame

    def reset(self) -> None:
        """Forget a half-received frame."""
        self._buffer.clear()
        self._whole = None
