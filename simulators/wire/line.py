"""A line: the cable between a host and the instruments on it, and what can happen to it.

An instrument is sans-I/O: it makes a session per host, which takes bytes and gives bytes back
through the ``send`` it was born with. The line does the rest: every byte of the host reaches every
instrument (multi-drop), what comes back takes the instrument's latency and the time of its bytes,
in order, and faults of the cable sit in between. Memory pipes, pseudo-terminals and sockets all
serve a :class:`Line`.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

Send = Callable[[bytes], None]
Framing = Literal["serial", "tcp", "modbus-tcp"]
Condition = Literal["ok", "silent", "garbage", "unplug"]
Trouble = Callable[[bytes], Iterable[tuple[float, bytes]]]  # reply -> (further delay s, piece)

BITS_PER_BYTE = 10  # 8N1


class Session(Protocol):
    """One host talking to one instrument."""

    def receive(self, data: bytes) -> None:
        """Take bytes from the host, cut anywhere; answers go through ``send``."""
        ...

    def close(self) -> None:
        """The host has gone: send nothing more."""
        ...


class WireInstrument(Protocol):
    """An instrument as its line sees it."""

    name: str
    latency_s: float  # from the end of a request to the beginning of the reply
    exclusive: bool  # over a network: one client at a time

    def session(self, send: Send, framing: Framing) -> Session:
        """Return a session with a host that has just connected."""
        ...


@runtime_checkable
class PartOfOne(Protocol):
    """An instrument that may be one of several in the same housing (channels of a pump)."""

    def meet(self, neighbours: Sequence[WireInstrument]) -> None:
        """All instruments of the line, itself among them, in order; called before any session."""
        ...


@dataclass
class Station:
    """One instrument on the line, and how it is."""

    instrument: WireInstrument
    condition: Condition = "ok"


def undisturbed(reply: bytes) -> Iterable[tuple[float, bytes]]:
    """Return the reply in one piece, at once."""
    return ((0.0, reply),)


@dataclass
class Line:
    """What is wired to one port; ``baud`` None: bytes take no time (a network)."""

    port: str
    stations: Sequence[Station]
    framing: Framing = "serial"
    baud: int | None = None
    rng: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311  # garbage bytes
    echo: bool = False  # a two-wire converter returns the host's own bytes
    trouble: Trouble = undisturbed
    hosts: list["Host"] = field(default_factory=list["Host"])

    def connect(self, deliver: Send, lost: Callable[[], None]) -> "Host":
        """Connect a host; raise ConnectionError when the port is unplugged or taken.

        ``deliver`` gets what the instruments send, ``lost`` is called when the port goes away.
        """
        if self.unplugged:
            raise ConnectionRefusedError(f"{self.port}: nothing is connected there")
        if self.hosts and any(station.instrument.exclusive for station in self.stations):
            raise ConnectionRefusedError(f"{self.port}: serves one client at a time")
        host = Host(self, deliver, lost)
        self.hosts.append(host)
        return host

    @property
    def unplugged(self) -> bool:
        """Return whether the port itself is gone: everything on it has been unplugged."""
        return all(station.condition == "unplug" for station in self.stations)

    def disturb(self, instrument: str, condition: Condition) -> None:
        """Change how one instrument is wired; KeyError when it is not on this line.

        The last one to be unplugged takes the port with it (a USB adapter, a network cable).
        """
        self._station(instrument).condition = condition
        if self.unplugged:
            for host in tuple(self.hosts):
                host.drop()

    def babble(self, data: bytes) -> None:
        """Put bytes on the way to every host that no instrument was asked for."""
        for host in tuple(self.hosts):
            host.hear(data)

    def _station(self, instrument: str) -> Station:
        for station in self.stations:
            if station.instrument.name == instrument:
                return station
        raise KeyError(f"no instrument {instrument!r} on {self.port}")


class Host:
    """One host's connection to a line; bytes out of order never happen here."""

    def __init__(self, line: Line, deliver: Send, lost: Callable[[], None]) -> None:
        self._line, self._deliver, self._lost = line, deliver, lost
        self._loop = asyncio.get_running_loop()
        self._byte_s = BITS_PER_BYTE / line.baud if line.baud else 0.0
        self._free_at = 0.0  # when the last byte on its way will have arrived
        self._heard_at = 0.0  # when the last byte of the host has reached the instruments
        self._open = True
        instruments = [station.instrument for station in line.stations]
        for instrument in instruments:
            if isinstance(instrument, PartOfOne):
                instrument.meet(instruments)
        self._sessions = [
            (station, station.instrument.session(self._sender(station), line.framing))
            for station in line.stations
        ]

    def write(self, data: bytes) -> None:
        """Hand the host's bytes to every instrument that is there; raise when the port is gone."""
        if not self._open:
            raise ConnectionResetError(f"{self._line.port}: unplugged")
        self._heard_at = max(self._heard_at, self._loop.time()) + len(data) * self._byte_s
        if self._line.echo:
            self._pass(data, self._heard_at)
        for station, session in self._sessions:
            if station.condition in ("ok", "garbage"):
                session.receive(data)

    def close(self) -> None:
        """The host hangs up; bytes on their way are lost."""
        if not self._open:
            return
        self._open = False
        self._line.hosts.remove(self)
        for _, session in self._sessions:
            session.close()

    def hear(self, data: bytes) -> None:
        """Bytes come that are no reply; they take their time on the wire."""
        self._pass(data, self._loop.time())

    def drop(self) -> None:
        """The port goes away under the host."""
        self.close()
        self._lost()

    def _sender(self, station: Station) -> Send:
        def send(data: bytes) -> None:
            if not self._open or station.condition in ("silent", "unplug"):
                return
            if station.condition == "garbage":
                data = self._line.rng.randbytes(len(data))
            at = max(self._heard_at, self._loop.time()) + station.instrument.latency_s
            for further_s, piece in self._line.trouble(data):
                self._pass(piece, at + further_s)

        return send

    def _pass(self, data: bytes, at: float) -> None:
        """Put bytes on the way to the host; they arrive whole, when the last one is there."""
        at = max(at, self._free_at) + len(data) * self._byte_s
        self._free_at = at
        self._loop.call_at(at, self._arrive, data)

    def _arrive(self, data: bytes) -> None:
        if self._open:
            self._deliver(data)
