"""What a person types at the console: commands, text with escapes, bytes in hexadecimal."""

import re
from dataclasses import dataclass

ESCAPES = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\"}
COMMANDS = (
    *("help", "signals", "read", "poll", "identify", "check", "registers", "listen"),
    *("prepare", "set", "quit", "exit"),
)


class Mistyped(ValueError):
    """What was typed cannot be understood; the message says why."""


@dataclass(frozen=True, slots=True)
class Typed:
    """One line: a command with its words, or a request.

    ``text`` is a request without escapes, for the driver to frame; ``data`` one whose bytes are
    all given.
    """

    line: str
    command: str = ""
    words: tuple[str, ...] = ()
    text: str = ""
    data: bytes | None = None


def parse(line: str) -> Typed | None:
    """Return what a line means, None for an empty one or a comment; raise Mistyped."""
    line = line.strip()
    if not line or line.startswith("#"):
        return None
    first, _, rest = line.partition(" ")
    if first.lower() in COMMANDS:
        return Typed(line, command=first.lower(), words=tuple(rest.split()))
    if first == "hex":
        return Typed(line, data=hexadecimal(rest))
    text = rest if first == "text" and rest else line
    if "\\" in text:
        return Typed(line, data=unescaped(text))
    if not text.isascii():
        raise Mistyped(f"{text!r} is not ASCII: give other bytes as \\xNN or by hex")
    return Typed(line, text=text)


def hexadecimal(text: str) -> bytes:
    """Return the bytes of ``02 30 0D``, ``0x02300d`` or the like; raise Mistyped."""
    digits = re.sub(r"0[xX]|[\s,:]", "", text)
    try:
        data = bytes.fromhex(digits)
    except ValueError:
        raise Mistyped(f"{text!r} is not hexadecimal: write hex 02 30 56 0D") from None
    if not data:
        raise Mistyped("no bytes were given: write hex 02 30 56 0D")
    return data


def unescaped(text: str) -> bytes:
    r"""Return the bytes of a text with ``\r``, ``\n``, ``\t``, ``\0``, ``\\``, ``\xNN``."""
    data, at = bytearray(), 0
    for found in re.finditer(r"\\(x[0-9A-Fa-f]{2}|.|$)", text):
        data += _ascii(text[at : found.start()])
        code = found[1]
        if len(code) == 3:
            data.append(int(code[1:], 16))
        elif code in ESCAPES:
            data += ESCAPES[code]
        else:
            raise Mistyped(rf"\{code} is no escape: there are \r \n \t \0 \\ and \xNN")
        at = found.end()
    return bytes(data + _ascii(text[at:]))


def _ascii(text: str) -> bytes:
    if not text.isascii():
        raise Mistyped(f"{text!r} is not ASCII: give other bytes as \\xNN or by hex")
    return text.encode("ascii")
