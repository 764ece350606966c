"""Each driver with a simulated instrument of its own: what to connect to what, and a plant part."""

import asyncio
from functools import cache
from importlib.metadata import entry_points
from typing import get_args

from drivers.mqtt import MqttPort
from drivers.registry import Lines
from simulators.instruments.base import Ports, Role
from simulators.wire.line import Line, Station
from simulators.wire.memory import MemoryEnd
from simulators.wire.mqtt import MemoryBroker

EPOCHS = 24


@cache
def _simulated(driver):
    """Return the simulator of a driver; looking through what is installed takes a while."""
    (point,) = entry_points(group="taylord.simulators", name=driver)
    return point.load()


class Part:
    """A plant part for every role: its sensors show something else in each epoch.

    Whatever was true in another epoch, or of another signal, is not true now: so a reply to
    another question, or an older one, shows. What actuators are told stays as it is.
    """

    def __init__(self):
        self.epoch = 0
        self.flow, self.goal, self.at, self.moved = 0.0, None, 1, False
        self._volume, self._since = 0.0, 0.0

    @property
    def volume_ml(self):
        """Return what the pump has really delivered; the simulated pumps cannot ask for it."""
        return self._volume + self.flow * (self._now() - self._since) / 60.0

    @staticmethod
    def _now():
        return asyncio.get_running_loop().time()

    def next_epoch(self):
        self.epoch = (self.epoch + 1) % EPOCHS

    def set_flow(self, ml_min):
        self._volume, self._since = self.volume_ml, self._now()
        self.flow = ml_min
        self.moved |= ml_min != 0.0

    def displaced_ml(self):
        return 0.0

    def pressure_bar(self):
        return 1.2345 + 3.0 * self.epoch

    def stalled(self):
        return False

    def set_goal(self, degc):
        self.goal = degc
        self.moved |= degc is not None and degc > 25.0

    def temperature_degc(self):
        return 23.75 + 1.31 * self.epoch

    def power_fraction(self):
        return self.epoch / 40.0

    def turn(self, position):
        self.moved |= position != self.at
        self.at = position

    def position(self):
        return self.at

    def flow_ml_min(self):
        return 1.2345 - 0.047 * self.epoch

    def gas(self):
        return False

    def mass_g(self):
        return 123.4567 + 3.21 * self.epoch

    def concentrations(self):
        return {"dfnb": 0.3}

    def spectrum(self, seconds):
        return [0.0, 1.0], [0.1, 0.2], "ppm", "a.u."


class Bench:
    """One case, wired up."""

    def __init__(self, case, tmp_path):
        self.case, self.part = case, Part()
        options = {**case.options, **case.simulated, "data_dir": tmp_path}
        if case.driver == "magritek-spinsolve":
            self.options = {"data_root": {"C:\\Spinsolve": str(tmp_path)}}
        else:
            self.options = {k: v for k, v in case.options.items() if k != "topic"}
        ports = Ports(**dict.fromkeys(get_args(Role), self.part))
        self.sim = _simulated(case.driver)("i", options, ports, asyncio.get_running_loop().time)
        self.sent = []
        if case.framing == "mqtt":
            self.broker = MemoryBroker()
            self.sim.attach(self.broker.client(self.sim.will))
        else:
            self.line = Line(case.port, [Station(self.sim)], case.framing)
        self.lines = Lines(self._dial, self._dial_mqtt)
        self.instrument = self.lines.instrument(
            "i", case.driver, case.port, self.options, case.limits
        )

    def _dial(self, _port, spec):
        if self.case.framing == "serial":
            self.line.baud = spec.baud_rate
        self.line.echo = spec.echo
        return _Listening(self.line, self.sent)

    def _dial_mqtt(self, port):
        return MqttPort(self.broker.client(), port)

    async def connect(self):
        await self.lines.open("i")
        await self.instrument.identify()
        await self.instrument.prepare()
        self.sent.clear()

    async def close(self):
        await self.lines.close()
        if self.case.framing == "mqtt":
            self.sim.detach()

    @property
    def polled(self):
        """Return the short names that the poller asks for."""
        signals = self.instrument.signals
        return [name for name, signal in signals.items() if signal.spec.poll_s is not None]


class _Listening(MemoryEnd):
    def __init__(self, line, sent):
        super().__init__(line)
        self._sent = sent

    async def write(self, data):
        self._sent.append(data)
        await super().write(data)
