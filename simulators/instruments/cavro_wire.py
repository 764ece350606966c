"""How Cavro pumps are spoken to: DT and OEM framing, cut out of a line's bytes.

XP 3000 and XLP 6000 manuals. A pump answers in the framing it was asked in. Every pump of a line
hears everything; only the one addressed answers, and nobody answers a group. A frame with a wrong
checksum is not answered; a repetition of the last number is answered and not executed.
"""

from functools import reduce
from operator import xor
from typing import Protocol

from simulators.wire.line import Send

STX, ETX, CR, SLASH = 0x02, 0x03, 0x0D, 0x2F
FIRST = 0x31  # address character of switch 0
PAIRS, FOURS, ALL = "ACEGIKMO", "QUY]", "_"
REPEATED = 0x08
_MAX_PENDING = 512


class Pump(Protocol):
    """What a session needs of its pump."""

    switch: int

    def hear(self, text: str) -> bytes:
        """Execute a request; return the status byte and data that answer it."""
        ...

    def again(self, text: str) -> bytes:
        """Return the answer to a request that has been executed already."""
        ...


def addressed(switch: int, character: str) -> tuple[bool, bool]:
    """Return whether a pump is meant, and whether alone."""
    alone = ord(character) == FIRST + switch
    pair = character in PAIRS and switch // 2 == PAIRS.index(character)
    four = character in FOURS and switch // 4 == FOURS.index(character)
    return alone or pair or four or character == ALL, alone


class CavroSession:
    """One host talking to one pump."""

    def __init__(self, pump: Pump, send: Send) -> None:
        self._pump, self._send = pump, send
        self._pending = b""
        self._last = [0]  # number of the last request executed
        self._open = True

    def receive(self, data: bytes) -> None:
        """Take bytes; answer every complete request for this pump."""
        self._pending = (self._pending + data)[-_MAX_PENDING:]
        while self._step():
            continue

    def close(self) -> None:
        """The host has gone."""
        self._pending, self._open = b"", False

    def _step(self) -> bool:
        """Take one request off the front; False when there is no whole one."""
        starts = [at for at in (self._pending.find(STX), self._pending.find(SLASH)) if at >= 0]
        if not starts:
            self._pending = b""
            return False
        self._pending = self._pending[min(starts) :]
        return self._take_oem() if self._pending[0] == STX else self._take_dt()

    def _take_dt(self) -> bool:
        end = self._pending.find(CR)
        if end < 0:
            return False
        line, self._pending = self._pending[1:end].decode("latin-1"), self._pending[end + 1 :]
        if line:
            mine, alone = addressed(self._pump.switch, line[0])
            if mine:
                self._reply_dt(self._pump.hear(line[1:]), alone)
        return True

    def _reply_dt(self, answer: bytes, alone: bool) -> None:
        if alone:
            self._send(b"/0" + answer + b"\x03\r\n")

    def _take_oem(self) -> bool:
        end = self._pending.find(ETX)
        if end < 0 or len(self._pending) < end + 2:
            return False
        frame, check = self._pending[: end + 1], self._pending[end + 1]
        if reduce(xor, frame) != check or len(frame) < 4:  # STX, address, number, ETX
            self._pending = self._pending[1:]
            return True
        self._pending = self._pending[end + 2 :]
        self._execute_oem(frame)
        return True

    def _execute_oem(self, frame: bytes) -> None:
        mine, alone = addressed(self._pump.switch, chr(frame[1]))
        sequence, text = frame[2], frame[3:-1].decode("latin-1")
        number = sequence & 0x07
        if not mine or sequence & 0xF0 != 0x30 or not number:
            return
        known = sequence & REPEATED and number == self._last[0]
        answer = self._pump.again(text) if known else self._pump.hear(text)
        self._last[0] = number
        if alone:
            reply = b"\x020" + answer + b"\x03"
            self._send(reply + bytes((reduce(xor, reply),)))
