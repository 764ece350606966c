"""A plant of one part, and real drivers wired to simulated instruments."""

import asyncio
from contextlib import asynccontextmanager

from drivers.registry import Lines
from simulators.instruments.base import Ports
from simulators.wire.line import Line, Station
from simulators.wire.memory import MemoryEnd


class FakePump:
    """A pump head into nothing; counts what it displaces, mL."""

    def __init__(self):
        self.flow, self.volume, self._t = 0.0, 0.0, 0.0
        self.pressure, self.stuck = 12.0, False

    def set_flow(self, ml_min):
        self.displaced_ml()
        self.flow = ml_min

    def displaced_ml(self):
        now = asyncio.get_running_loop().time()
        self.volume += self.flow * (now - self._t) / 60.0
        self._t = now
        return self.volume

    def pressure_bar(self):
        return self.pressure

    def stalled(self):
        return self.stuck


class FakeHeater:
    """A bath that stays where it is."""

    def __init__(self):
        self.goal, self.temperature = None, 21.75

    def set_goal(self, degc):
        self.goal = degc

    def temperature_degc(self):
        return self.temperature

    def power_fraction(self):
        return 0.5


def simulated(cls, name, part, options=None):
    """Return a simulated instrument on a part of its own."""
    clock = asyncio.get_running_loop().time
    return cls(name, options or {}, Ports(pump=part, heater=part), clock)


class Wire:
    """Lines to simulated instruments; keeps what was sent."""

    def __init__(self, port, *instruments, framing="tcp", baud=None):
        self.line = Line(port, [Station(i) for i in instruments], framing, baud)
        self.sent = []
        self.lines = Lines(self._dial)

    def _dial(self, _port, _spec):
        return _Listening(self.line, self.sent)

    @asynccontextmanager
    async def driver(self, name, driver, options=None, limits=None, *, prepare=True):
        """Yield the connected instrument."""
        instrument = self.lines.instrument(
            name, driver, self.line.port, options or {}, limits or {}
        )
        try:
            await self.lines.open(name)
            if prepare:
                await instrument.identify()
                await instrument.prepare()
            self.sent.clear()
            yield instrument
        finally:
            await self.lines.close()


class _Listening(MemoryEnd):
    def __init__(self, line, sent):
        super().__init__(line)
        self._sent = sent

    async def write(self, data):
        self._sent.append(data)
        await super().write(data)
