"""Sensirion SHDLC: contents between flags, stuffed bytes, and a checksum of one byte.

``7E contents 7E``; in the contents 7E, 7D, 11 and 13 are sent as 7D and the byte with bit 5
inverted. The last byte is the inverted low byte of the sum of all others (SHDLC guide for SFx6000).
"""

FLAG, ESCAPE, FLIP = 0x7E, 0x7D, 0x20
STUFFED = frozenset({FLAG, ESCAPE, 0x11, 0x13})
HEAD = 4  # address, command, state, length
LONGEST = 2 * (HEAD + 255 + 1)  # every byte stuffed


class ShdlcCodec:
    """Frames of a device; the frame is address, command, state, length and data.

    What lies between two flags is a frame when its length and its checksum are right, so a lost or
    doubled flag costs nothing but the frame it belongs to.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._skipping = False  # what comes before the next flag is too long to be a frame

    def feed(self, data: bytes) -> None:
        """Take bytes as they came."""
        self._buffer += data

    def next_frame(self) -> bytes | None:
        """Return the next whole frame, or None when there is none yet."""
        buffer = self._buffer
        while (end := buffer.find(FLAG)) >= 0:
            stuffed = bytes(buffer[:end])
            del buffer[: end + 1]
            too_long = self._skipping or end > LONGEST
            self._skipping = False
            if not too_long and (frame := _checked(stuffed)) is not None:
                return frame
        if len(buffer) > LONGEST:
            buffer.clear()
            self._skipping = True
        return None

    def reset(self) -> None:
        """Forget a half-received frame."""
        self._buffer.clear()
        self._skipping = False


def shdlc(address: int, command: int, data: bytes = b"") -> bytes:
    """Return a request as it goes on the wire."""
    contents = bytes((address, command, len(data))) + data
    return bytes((FLAG, *_stuff(contents + bytes((_checksum(contents),))), FLAG))


def _checksum(contents: bytes) -> int:
    return ~sum(contents) & 0xFF


def _stuff(contents: bytes) -> bytes:
    return b"".join(
        bytes((ESCAPE, byte ^ FLIP)) if byte in STUFFED else bytes((byte,)) for byte in contents
    )


def _checked(stuffed: bytes) -> bytes | None:
    """Return the contents without their checksum, or None when they are no frame."""
    contents = _unstuffed(stuffed)
    if contents is None or len(contents) <= HEAD or contents[3] != len(contents) - HEAD - 1:
        return None
    return contents[:-1] if _checksum(contents[:-1]) == contents[-1] else None


def _unstuffed(stuffed: bytes) -> bytes | None:
    """Return what was stuffed; None when there are pairs that no device sends."""
    contents = bytearray()
    escaped = False
    for byte in stuffed:
        if escaped and byte ^ FLIP not in STUFFED:
            return None
        if byte == ESCAPE and not escaped:
            escaped = True
            continue
        contents.append(byte ^ FLIP if escaped else byte)
        escaped = False
    return None if escaped else bytes(contents)
