"""A rig of Modbus units on one line, real drivers and simulated wire, in virtual or real time."""

import asyncio
from contextlib import asynccontextmanager
from itertools import pairwise

from daemon.events import EventBus
from daemon.rig.rig import Rig
from daemon.settings.models import Settings
from drivers.registry import Lines
from simulators.instruments.base import Ports
from simulators.instruments.eurotherm import SimEurotherm3216
from simulators.instruments.keller import SimKellerXLine
from simulators.wire.line import Line, Station
from simulators.wire.memory import MemoryEnd
from tests.drivers.modbus.rig import Block, Tap

PORT = "/dev/ttyS0"


class Listening(MemoryEnd):
    """Keeps what was sent, and when."""

    def __init__(self, line, sent):
        super().__init__(line)
        self._sent = sent

    async def write(self, data):
        self._sent.append((asyncio.get_running_loop().time(), data))
        await super().write(data)


class SharedRig:
    """``polls``: the poll period of each transmitter, s; ``heaters`` controllers come after them."""

    def __init__(self, polls, *, heaters=0, port=PORT, dial=None, options=None):
        clock = asyncio.get_running_loop().time
        self.block, self.tap = Block(), Tap()
        self.line, self.sent = Line(port, [], baud=9600), []
        instruments = {}
        for i in range(len(polls) + heaters):
            sensor, address = i < len(polls), i + 1
            name = f"p{i}" if sensor else f"heater{i - len(polls)}"
            ports = Ports(pressure=self.tap, heater=self.block)
            cls = SimKellerXLine if sensor else SimEurotherm3216
            self.line.stations.append(Station(cls(name, {"address": address}, ports, clock)))
            instruments[name] = {
                "driver": "keller-x-line" if sensor else "eurotherm-3216",
                "port": port,
                "address": address,
                "poll_s": polls[i] if sensor else 1.0,
                **(options or {}),
            }
        self.events, self.told, self.seen = EventBus(), [], {}
        settings = Settings.model_validate({"name": "shared", "instruments": instruments})
        lines = Lines(dial or (lambda _port, _spec: Listening(self.line, self.sent)))
        self.rig = Rig(settings, lines, self.events)
        self.events.on_event(self.told.append)
        self.events.on_readings(self._note)

    def _note(self, group):
        for reading in group:
            if reading.value is not None:
                self.seen.setdefault(reading.signal, []).append(reading.t)

    def of(self, kind, **match):
        """Return the data of the events of a kind that match."""
        return [
            e.data
            for e in self.told
            if e.kind == kind and all(e.data.get(k) == v for k, v in match.items())
        ]

    def gaps(self, signal, since=0.0):
        """Return the times between good readings of a signal, s."""
        times = [t for t in self.seen[signal] if t >= since]
        return [b - a for a, b in pairwise(times)]

    @asynccontextmanager
    async def running(self):
        """Run the rig until the block ends."""
        task = asyncio.create_task(self.rig.run(), name="rig")
        try:
            await self.rig.first_attempts()
            yield self
        finally:
            task.cancel()
            await asyncio.wait([task])
        if not task.cancelled():
            task.result()
