"""A bench for one simulated instrument: plain ports, and a host that types bytes."""

import asyncio
from dataclasses import dataclass, field

from simulators.instruments.base import Ports
from simulators.wire.line import Line, Station
from simulators.wire.memory import MemoryEnd


@dataclass
class FakePump:
    flow: float = 0.0
    pressure: float = 0.0
    is_stalled: bool = False
    log: list = field(default_factory=list)

    def set_flow(self, ml_min):
        self.flow = ml_min
        self.log.append((asyncio.get_running_loop().time(), ml_min))

    def displaced_ml(self):
        return 0.0

    def pressure_bar(self):
        return self.pressure

    def stalled(self):
        return self.is_stalled


@dataclass
class FakeHeater:
    goal: float | None = None
    temperature: float = 25.0
    power: float = 0.5

    def set_goal(self, degc):
        self.goal = degc

    def temperature_degc(self):
        return self.temperature

    def power_fraction(self):
        return self.power


@dataclass
class FakePressure:
    bar: float = 1.2345
    degc: float = 23.75

    def pressure_bar(self):
        return self.bar

    def temperature_degc(self):
        return self.degc


@dataclass
class FakeCell:
    asked: list = field(default_factory=list)

    def concentrations(self):
        return {}

    def spectrum(self, seconds):
        self.asked.append(seconds)
        return [0.0, 0.5, 1.0], [0.0, 2.5, 0.125], "ppm", "a.u."


def ports(**given):
    return Ports(**given)


class Host:
    """What a program does at the other end: type bytes, read what comes."""

    def __init__(self, *instruments, framing="serial", baud=None):
        self.line = Line("/dev/ttyS0", [Station(i) for i in instruments], framing, baud)
        self.end = MemoryEnd(self.line)

    async def __aenter__(self):
        await self.end.open()
        return self

    async def __aexit__(self, *_):
        await self.end.close()

    async def ask(self, request, within=1.0):
        """Return everything that comes within the time; b"" is silence."""
        await self.end.write(request)
        return await self.hear(within)

    async def hear(self, within=1.0):
        heard = b""
        try:
            async with asyncio.timeout(within):
                while True:
                    heard += await self.end.read()
        except TimeoutError:
            return heard


def clock():
    return asyncio.get_running_loop().time()


def hexed(text):
    return bytes.fromhex(text)
