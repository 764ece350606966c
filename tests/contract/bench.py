"""Each driver with a simulated instrument of its own: what to connect to what, and a plant part."""

import asyncio
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any

from drivers.mqtt import MqttPort
from drivers.registry import Lines
from drivers.signal import Limits
from simulators.instruments.base import Ports
from simulators.wire.line import Line, Station
from simulators.wire.memory import MemoryEnd
from simulators.wire.mqtt import MemoryBroker

SERIAL, TCP, MODBUS_TCP = (
    "/dev/ttyUSB0",
    "socket://192.168.10.9:8101",
    "modbus-tcp://192.168.10.9:502",
)
SYRINGE = {"diameter_mm": 26.59, "volume_ml": 60.0}


@dataclass
class Case:
    """One driver on one kind of line."""

    driver: str
    port: str
    options: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Limits] = field(default_factory=dict)
    checksum: bool = False  # the protocol notices a flipped bit
    framing: str = "serial"

    def __str__(self):
        return f"{self.driver} on {self.port.partition('//')[0].rstrip(':') or 'serial'}"


CASES = [
    Case(
        "new-era-ne1000",
        SERIAL,
        {"syringe": SYRINGE, "safe_mode_s": 60},
        {"flow": Limits(0, 5)},
        checksum=True,
    ),
    Case("knauer-azura-pump", TCP, {}, {"flow": Limits(0, 5)}, framing="tcp"),
    Case("knauer-azura-pump", SERIAL, {}, {"flow": Limits(0, 5)}),
    Case("huber-pilot-one", TCP, {"watchdog_s": 0}, {"setpoint": Limits(0, 140)}, framing="tcp"),
    Case("huber-pilot-one", SERIAL, {"watchdog_s": 0}, {"setpoint": Limits(0, 140)}),
    Case("eurotherm-3216", SERIAL, {}, {"setpoint": Limits(0, 140)}, checksum=True),
    Case("eurotherm-epc3000", SERIAL, {}, {"setpoint": Limits(0, 140)}, checksum=True),
    Case("eurotherm-epc3000", MODBUS_TCP, {}, {"setpoint": Limits(0, 140)}, framing="modbus-tcp"),
    Case("keller-x-line", SERIAL, {}, {}, checksum=True),
    Case("magritek-spinsolve", TCP, {}, {}, framing="tcp"),
    Case("mqtt-analyser", "lab/nmr", {"topic": "lab/nmr"}, {}, framing="mqtt"),
]
WIRED = [case for case in CASES if case.framing != "mqtt"]


class Part:
    """A plant that stays as it is: a pump head, a bath, a tapping point and a cell in one."""

    def __init__(self):
        self.flow, self.goal, self.moved = 0.0, None, False

    def set_flow(self, ml_min):
        self.flow = ml_min
        self.moved |= ml_min != 0.0

    def displaced_ml(self):
        return 0.0

    def pressure_bar(self):
        return 1.2345

    def stalled(self):
        return False

    def set_goal(self, degc):
        self.goal = degc
        self.moved |= degc is not None and degc > 25.0

    def temperature_degc(self):
        return 23.75

    def power_fraction(self):
        return 0.0

    def concentrations(self):
        return {"dfnb": 0.3}

    def spectrum(self, seconds):
        return [0.0, 1.0], [0.1, 0.2], "ppm", "a.u."


class Bench:
    """One case, wired up."""

    def __init__(self, case, tmp_path):
        self.case, self.part = case, Part()
        options = {**case.options, "data_dir": tmp_path}
        if case.driver == "magritek-spinsolve":
            self.options = {"data_root": {"C:\\Spinsolve": str(tmp_path)}}
        else:
            self.options = {k: v for k, v in case.options.items() if k != "topic"}
        (point,) = entry_points(group="taylord.simulators", name=case.driver)
        ports = Ports(pump=self.part, heater=self.part, pressure=self.part, cell=self.part)
        self.sim = point.load()("i", options, ports, asyncio.get_running_loop().time)
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
