"""A broker in memory with a simulated device and its driver; and a real broker."""

import asyncio
from dataclasses import dataclass

import pytest

from drivers.analysers.mqtt import MqttAnalyser
from drivers.mqtt import MqttPort
from simulators.instruments.base import Ports
from simulators.instruments.mqtt_analyser import SimMqttAnalyser
from simulators.wire.mqtt import MemoryBroker, MemoryLink
from tests.services.broker import broker

__all__ = ["broker"]


class Plant:
    """A cell and a tapping point that show what the test says."""

    bar, degc = 2.37, 21.4
    axis: tuple = tuple(400.0 + k / 2 for k in range(50))

    def concentrations(self):
        return {}

    def spectrum(self, seconds):
        return list(self.axis), [x / 1000 for x in self.axis], "nm", "AU"

    def pressure_bar(self):
        return self.bar

    def temperature_degc(self):
        return self.degc


@dataclass
class Setup:
    driver: MqttAnalyser
    sim: SimMqttAnalyser
    device: MemoryLink
    host: MemoryLink
    broker: MemoryBroker
    plant: Plant

    async def hear(self, topic, payload, *, retain=False):
        """Somebody publishes this; return when it has arrived."""
        self.broker.route(topic, payload.encode(), retain=retain)
        await asyncio.sleep(0.01)


@pytest.fixture
async def make():
    made = []

    def build(*, port="lab/uv1", limits=None, sim_options=None, attach=True, **options):
        plant, broker = Plant(), MemoryBroker()
        checked = MqttAnalyser.Options(**options)
        style = options.get("style", "spectra")
        sim = SimMqttAnalyser(
            "uv",
            {"topic": port, "style": style, **(sim_options or {})},
            Ports(cell=plant, pressure=plant),
            asyncio.get_running_loop().time,
        )
        device, host = broker.client(sim.will), broker.client()
        driver = MqttAnalyser("uv", MqttPort(host, port), checked, limits or {})
        if attach:
            sim.attach(device)
        made.append(sim)
        return Setup(driver, sim, device, host, broker, plant)

    yield build
    for sim in made:
        sim.detach()
