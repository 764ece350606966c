"""Frames of described text protocols: start, address, text, checksum, end, put on and taken off."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from drivers.codec.base import Codec
from drivers.codec.fixed import FixedCodec
from drivers.codec.length import LengthCodec
from drivers.codec.line import LineCodec
from drivers.codec.prompt import PromptCodec
from drivers.codec.silence import SilenceCodec
from drivers.codec.tail import TailCodec
from drivers.described.checksums import width, written
from drivers.described.model import ChecksumPart, Description, FramingPart
from drivers.described.pattern import pattern
from drivers.described.picture import picture


class Damaged(ValueError):
    """A frame whose checksum is wrong."""


def latin(text: str) -> bytes:
    """Return the bytes of a text of the description; every byte is one character."""
    return text.encode("latin-1")


@dataclass(frozen=True)
class Frames:
    """How requests are wrapped and replies unwrapped, for one address."""

    framing: FramingPart
    checksum: ChecksumPart | None
    send_address: str
    reply_address: str

    def wrapped(self, text: str) -> bytes:
        """Return a request as it goes on the wire; raise UnicodeEncodeError at other characters."""
        start, end = latin(self.framing.send_start), latin(self.framing.send_end)
        body = self._sized(start, latin(self.send_address + text), end)
        if self.checksum is None:
            return start + body + end
        proof = written(self.checksum, self._covered(start, body, end))
        if self.checksum.place == "after-end":
            return start + body + end + proof
        return start + body + proof + end

    def unwrapped(self, frame: bytes) -> str | None:
        """Return the text of a frame of the codec; None: not one of this instrument.

        Raises Damaged when the checksum is wrong.
        """
        start, end = latin(self.framing.reply_start), latin(self.framing.reply_end or "")
        if start:
            counted = self.framing.length is not None or self.framing.fixed is not None
            at = 0 if counted else frame.rfind(start)  # a counted frame begins with its start
            if at < 0:
                return None
            frame = frame[at + len(start) :]
        body = frame if self.checksum is None else self._proved(self.checksum, start, frame, end)
        body = body[self.framing.length.size :] if self.framing.length is not None else body
        text = body.decode("latin-1").strip()
        if not text.isprintable() and not all(c.isprintable() or c in "\r\n\t" for c in text):
            return None
        if not text.startswith(self.reply_address):
            return None
        return text[len(self.reply_address) :]

    def _sized(self, start: bytes, body: bytes, end: bytes) -> bytes:
        """Return the body with its length before it, where there is a length field."""
        part = self.framing.length
        if part is None:
            return body
        proof = 0 if self.checksum is None else width(self.checksum)
        number = len(start) + part.size + len(body) + proof + len(end) - part.adds
        order: Literal["big", "little"] = "big" if part.order == "high" else "little"
        return number.to_bytes(part.size, order) + body

    def _proved(self, checksum: ChecksumPart, start: bytes, frame: bytes, end: bytes) -> bytes:
        size = width(checksum)
        body, proof = frame[:-size], frame[-size:]
        if checksum.place == "after-end":
            body = body.removesuffix(end)
        right = written(checksum, self._covered(start, body, end))
        same = proof == right if checksum.form == "binary" else proof.upper() == right.upper()
        if len(frame) < size or not same:
            raise Damaged(f"checksum is {proof!r}, expected {right!r}")
        return body

    def _covered(self, start: bytes, body: bytes, end: bytes) -> bytes:
        checksum = self.checksum
        assert checksum is not None  # noqa: S101  # asked only where there is one
        return (
            (start if checksum.covers_start else b"") + body + (end if checksum.covers_end else b"")
        )


def frames_of(description: Description, address: int | None) -> Frames:
    """Return the frames of an instrument at an address (None: there is no address)."""
    part = description.address
    send = reply = ""
    if part is not None and address is not None:
        send, reply = _addressed(part.send, address), _addressed(part.reply, address)
    return Frames(description.framing, description.checksum, send, reply)


def _addressed(text: str, address: int) -> str:
    drawn = pattern(text)
    return drawn.filled(
        {slot.name: picture(slot.picture or "0").printed(address) for slot in drawn.slots}
    )


def codec_of(description: Description) -> Callable[[str], Codec]:
    """Return what makes the codec of a line."""
    framing, checksum = description.framing, description.checksum
    if framing.reply_end is not None:
        end = latin(framing.reply_end)
        if checksum is not None and checksum.place == "after-end":
            return _ignoring_port(partial(TailCodec, end, width(checksum)))
        return _ignoring_port(partial(LineCodec, end))
    if framing.prompt is not None:
        return _ignoring_port(partial(PromptCodec, latin(framing.prompt)))
    if framing.document is not None:
        return _ignoring_port(partial(LineCodec, latin(framing.document), 65536, keep=True))
    if framing.fixed is not None:
        return _ignoring_port(partial(FixedCodec, framing.fixed, latin(framing.reply_start)))
    if framing.length is not None:
        part = framing.length
        make = partial(LengthCodec, part.at, part.size, part.adds, order=part.order)
        return _ignoring_port(partial(make, start=latin(framing.reply_start)))
    return _ignoring_port(partial(SilenceCodec, framing.silence_s or 0.05))


def _ignoring_port(make: Callable[[], Codec]) -> Callable[[str], Codec]:
    return lambda _port: make()
