"""How a Spinsolve is spoken to, and what its protocols take: documents cut out of a stream."""

import asyncio
from collections.abc import Mapping
from typing import Protocol
from xml.etree import ElementTree as ET

from simulators.wire.line import Send

DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'
SLEEP_S = 15.0  # the first answer after the PC was asleep
_MAX_PENDING = 65_536
_END = b"</Message>"
SCAN_S = {"QuickScan": 10.0, "StandardScan": 30.0, "PowerScan": 120.0}
PROTOCOLS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "1D PROTON": {"Scan": tuple(SCAN_S)},
    "1D EXTENDED+": {"Number": (), "RepetitionTime": ()},
    "1D FLUORINE": {"Scan": tuple(SCAN_S)},
    "1D CARBON": {"Number": (), "RepetitionTime": ()},
    "SHIM": {"Shim": ("CheckShim", "QuickShim", "PowerShim")},
}
SHIM_S = {"CheckShim": 8.0, "QuickShim": 60.0, "PowerShim": 900.0}


class Spectrometer(Protocol):
    """What a session needs of its spectrometer."""

    asleep: bool
    sessions: "list[SpinsolveSession]"

    def answer(self, document: bytes) -> str | None:
        """Return the answer to one document, or None for silence."""
        ...


class SpinsolveSession:
    """Cuts documents out of a client's stream."""

    def __init__(self, server: Spectrometer, send: Send) -> None:
        self._server, self._send = server, send
        self._pending = b""
        server.sessions.append(self)

    def receive(self, data: bytes) -> None:
        """Take bytes; answer every complete document."""
        self._pending = (self._pending + data)[-_MAX_PENDING:]
        while (end := self._pending.find(_END)) >= 0:
            document = self._pending[: end + len(_END)].lstrip()
            self._pending = self._pending[end + len(_END) :]
            if self._server.asleep:
                self._server.asleep = False
                asyncio.get_running_loop().call_later(SLEEP_S, self._answer, document)
            else:
                self._answer(document)

    def tell(self, body: str) -> None:
        """Send one document."""
        self._send(f"{DECLARATION}<Message>{body}</Message>".encode())

    def close(self) -> None:
        """The client has gone."""
        self._server.sessions.remove(self)

    def _answer(self, document: bytes) -> None:
        reply = self._server.answer(document)
        if reply is not None:
            self.tell(reply)


def duration_s(request: ET.Element) -> float | None:
    """Return how long a protocol takes with its options, or None when it is not known."""
    protocol = PROTOCOLS.get(request.get("protocol", ""))
    if protocol is None:
        return None
    options = {option.get("name", ""): option.get("value", "") for option in request.iter("Option")}
    for name, value in options.items():
        if name not in protocol or (protocol[name] and value not in protocol[name]):
            return None
    if "Scan" in protocol:
        return SCAN_S[options.get("Scan", "StandardScan")]
    if "Shim" in protocol:
        return SHIM_S[options.get("Shim", "CheckShim")]
    try:
        return float(options.get("Number", "4")) * float(options.get("RepetitionTime", "7"))
    except ValueError:
        return None
