"""A scripted line: requests typed from the sheets, and the replies that belong to them."""

import asyncio
from collections import deque


def frame(text):
    """``"01 03 00"`` as bytes."""
    return bytes.fromhex(text)


def crc(data):
    """Append the CRC-16 of Modbus, computed bit by bit."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return data + value.to_bytes(2, "little")


class ScriptedLine:
    """A transport that answers known requests; ``sent`` is what the driver wrote.

    A reply may be bytes, a list of chunks (one read each), or a list of replies to take in turn.
    Unknown requests stay unanswered.
    """

    description = "script"

    def __init__(self, replies=None):
        self.replies = {frame(k): v for k, v in (replies or {}).items()}
        self.sent = []
        self._incoming = deque()
        self._ready = asyncio.Event()
        self._open = False

    async def open(self):
        self._open = True

    async def close(self):
        self._open = False
        self._ready.set()

    async def write(self, data):
        self.sent.append(data)
        reply = self.replies.get(data)
        if isinstance(reply, deque):
            reply = reply.popleft() if reply else None
        for chunk in [reply] if isinstance(reply, (bytes, str)) else reply or []:
            self.push(chunk if isinstance(chunk, bytes) else frame(chunk))

    def push(self, data):
        """Let these bytes arrive."""
        self._incoming.append(data)
        self._ready.set()

    async def read(self):
        while not self._incoming:
            if not self._open:
                raise ConnectionResetError("closed")
            self._ready.clear()
            await self._ready.wait()
        return self._incoming.popleft()
