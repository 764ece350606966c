"""Drivers over real pseudo-terminals and sockets, on the wall clock."""

import pytest

from drivers.errors import LinkLost, NotConnected
from drivers.registry import Lines
from simulators.instruments.azura import SimAzuraPump
from simulators.instruments.huber import SimHuberPilotOne
from simulators.instruments.new_era import SimNewEraPump
from simulators.wire.line import Line, Station
from simulators.wire.pty import PtyServer
from simulators.wire.tcp import TcpServer
from tests.drivers.instruments.rig import FakeHeater, FakePump, simulated

SYRINGE = {"diameter_mm": 26.59, "volume_ml": 60.0}


@pytest.fixture
async def lines():
    lines = Lines()
    yield lines
    await lines.close()


async def connected(lines, driver, port, options=None):
    instrument = lines.instrument("i", driver, port, options or {}, {})
    await lines.open("i")
    await instrument.identify()
    await instrument.prepare()
    return instrument


async def test_a_syringe_pump_on_a_terminal(lines):
    part = FakePump()
    sim = simulated(SimNewEraPump, "i", part)
    sim.safe_s = 10
    server = PtyServer(Line("pty", [Station(sim)], "serial", 19200))
    pump = await connected(lines, "new-era-ne1000", server.path, {"syringe": SYRINGE})
    assert await pump.set_flow(0.5) == 0.5
    assert part.flow == pytest.approx(0.5)
    await pump.make_safe()
    assert part.flow == 0.0
    await lines.close()
    server.close()


@pytest.mark.parametrize(
    ("driver", "cls"), [("knauer-azura-pump", SimAzuraPump), ("huber-pilot-one", SimHuberPilotOne)]
)
async def test_an_instrument_on_a_socket_comes_back_after_a_loss(lines, driver, cls):
    part = FakePump() if cls is SimAzuraPump else FakeHeater()
    line = Line("tcp", [Station(simulated(cls, "i", part))], "tcp")
    server = TcpServer(line)
    await server.open()
    instrument = await connected(lines, driver, f"socket://{server.endpoint}")
    await instrument.check()
    line.disturb("i", "unplug")
    with pytest.raises((LinkLost, NotConnected)):
        await instrument.identify()
    line.disturb("i", "ok")
    await lines.open("i")
    await instrument.identify()
    await instrument.make_safe()
    await lines.close()
    await server.close()
