"""Knauer valve drive (one implementation; see the sheet): ``T``, ``P``, and a position to turn to.

Lines of text, CR LF each way, over TCP or RS-232. Made up, where the sheet is silent: a turn is
acknowledged with ``OK`` at once, the valve answers ``?`` while it turns, and the first ``P`` of
every connection gets ``?``.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from simulators.instruments.base import Ports, Role, need
from simulators.ports import Clock
from simulators.wire.ascii import AsciiServer, AsciiSession, on
from simulators.wire.line import Framing, Send

SIZES = (6, 12, 16)
_TURNING_S = 0.2  # it says that it is busy for so long


class SimKnauerValve(AsciiServer):
    """One valve drive."""

    role: ClassVar[Role] = "valve"
    request_end = b"\r\n"
    reply_end = b"\r\n"
    latency_s = 0.02

    def __init__(self, name: str, options: Mapping[str, Any], ports: Ports, clock: Clock) -> None:
        super().__init__(name, clock)
        self._valve = need(ports.valve, name, "valve")
        size = int(options.get("positions") or 6)
        self.size = size if size in SIZES else 2
        self.error = ""  # what every turn ends in: E0 to E6
        self._shy = True
        self._busy_until = 0.0

    def session(self, send: Send, framing: Framing) -> AsciiSession:
        """Return a session with a host; it will have to ask twice for the position."""
        self._shy = True
        return super().session(send, framing)

    def unknown(self) -> str:
        """Return what it says to what it does not understand."""
        return "?"

    @on(r"T")
    def kind(self) -> str:
        """Return the valve's type."""
        return "VALVE LI" if self.size == 2 else f"VALVE {self.size}"  # load and inject

    @on(r"P")
    def position(self) -> str:
        """Return the position."""
        if self._shy or self.clock() < self._busy_until:
            self._shy = False
            return "?"
        at = self._valve.position()
        return "LI"[at - 1] if self.size == 2 else str(at)  # load and inject

    @on(r"([LI]|\d{1,2})")
    def turn(self, text: str) -> str:
        """Turn to a position."""
        if self.clock() < self._busy_until or (text in "LI") != (self.size == 2):  # load, inject
            return "?"
        goal = "LI".index(text) + 1 if text in "LI" else int(text)
        if not 1 <= goal <= self.size:
            return "?"
        if self.error:
            return self.error
        self._valve.turn(goal)
        self._busy_until = self.clock() + _TURNING_S
        return "OK"
