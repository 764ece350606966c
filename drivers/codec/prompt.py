"""Replies that end with a prompt and nothing after it."""

import re

from drivers.codec.base import MAX_FRAME


class PromptCodec:
    """Text up to a prompt, a regular expression that fits at the end of what came.

    The frame is what precedes the prompt. The prompt must stand at the end of the bytes received
    so far: whatever could go on is waited for. Frames over ``max_frame`` bytes are dropped.
    """

    def __init__(self, prompt: bytes, max_frame: int = MAX_FRAME) -> None:
        self._prompt = re.compile(b"(?:" + prompt + rb")\Z", re.MULTILINE)
        if self._prompt.search(b""):
            raise ValueError(f"a prompt must not be empty, got {prompt!r}")
        self._max = max_frame
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Take bytes as they came."""
        self._buffer += data

    def next_frame(self) -> bytes | None:
        """Return the reply that is complete, or None when there is none yet."""
        found = self._prompt.search(self._buffer)
        if found is None:
            if len(self._buffer) > self._max:
                self._buffer.clear()
            return None
        frame = bytes(self._buffer[: found.start()])
        self._buffer.clear()
        return frame if len(frame) <= self._max else None

    def reset(self) -> None:
        """Forget a half-received frame."""
        self._buffer.clear()
