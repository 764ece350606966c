"""Simulated Modbus units on a line in memory, with a plant that does what the test says."""

from dataclasses import dataclass

from drivers.bus import Bus
from drivers.sensors.keller import KellerXLine
from drivers.thermostats.eurotherm import Eurotherm3216, EurothermEpc3000
from drivers.thermostats.omron import OmronE5cc, OmronE5d
from simulators.instruments.base import Ports
from simulators.instruments.eurotherm import SimEurotherm3216, SimEurothermEpc3000
from simulators.instruments.keller import SimKellerXLine
from simulators.instruments.omron import SimOmronE5cc, SimOmronE5d
from simulators.wire.line import Line, Station
from simulators.wire.memory import MemoryEnd

DRIVERS = {
    SimKellerXLine: KellerXLine,
    SimEurotherm3216: Eurotherm3216,
    SimEurothermEpc3000: EurothermEpc3000,
    SimOmronE5cc: OmronE5cc,
    SimOmronE5d: OmronE5d,
}


@dataclass
class Block:
    """A heated block that is as warm as the test says."""

    degc: float = 25.0
    goal: float | None = None

    def set_goal(self, degc):
        self.goal = degc

    def temperature_degc(self):
        return self.degc

    def power_fraction(self):
        return 0.5 if self.goal is not None else 0.0


@dataclass
class Tap:
    """A tapping point of the line."""

    bar: float = 1.2345
    degc: float = 23.75

    def pressure_bar(self):
        return self.bar

    def temperature_degc(self):
        return self.degc


class Bench:
    """Units on one line, each with its driver."""

    def __init__(self, loop, *, port="/dev/ttyS0", echo=False):
        self.loop, self.port = loop, port
        self.block, self.tap = Block(), Tap()
        framing = "modbus-tcp" if port.startswith("modbus-tcp") else "serial"
        self.line = Line(port, [], framing=framing, echo=echo)
        self.bus = None

    def add(self, sim_class, *, limits=None, sim_options=None, **options):
        """Put a unit on the line; return its driver and itself."""
        driver_class = DRIVERS[sim_class]
        name = f"unit-{len(self.line.stations) + 1}"
        ports = Ports(heater=self.block, pressure=self.tap)
        sim = sim_class(name, {**options, **(sim_options or {})}, ports, self.loop.time)
        self.line.stations.append(Station(sim))
        checked = driver_class.Options(**options)
        if self.bus is None:
            spec = checked.line(driver_class.line)
            self.bus = Bus(self.port, spec, lambda _port, _line: MemoryEnd(self.line))
        return driver_class(name, self.bus, checked, limits or {}), sim
