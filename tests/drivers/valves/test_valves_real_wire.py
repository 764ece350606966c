"""Valves and a Hamilton chain over real pseudo-terminals and sockets, on the wall clock."""

import asyncio

import pytest

from drivers.registry import Lines
from simulators.instruments.base import Ports
from simulators.instruments.hamilton import SimHamiltonMvp, SimHamiltonPump
from simulators.instruments.knauer_valve import SimKnauerValve
from simulators.instruments.vici import SimViciActuator
from simulators.wire.line import Line, Station
from simulators.wire.pty import PtyServer
from simulators.wire.tcp import TcpServer
from tests.drivers.instruments.rig import FakePump
from tests.drivers.valves.rotor import Rotor, simulated


@pytest.fixture
async def lines():
    lines = Lines()
    yield lines
    await lines.close()


async def connected(lines, name, driver, port, options):
    instrument = lines.instrument(name, driver, port, options, {})
    await lines.open(name)
    await instrument.identify()
    await instrument.prepare()
    return instrument


async def test_an_actuator_on_a_terminal(lines):
    rotor = Rotor()
    sim = simulated(SimViciActuator, "v", rotor, {"address": "Z"})
    server = PtyServer(Line("pty", [Station(sim)], "serial", 9600))
    valve = await connected(lines, "v", "vici-actuator", server.path, {"address": "Z"})
    assert await valve.turn(7) == 7 == rotor.position()
    await lines.close()
    server.close()


async def test_a_knauer_valve_on_a_socket(lines):
    rotor = Rotor()
    server = TcpServer(Line("tcp", [Station(simulated(SimKnauerValve, "v", rotor))], "tcp"))
    await server.open()
    valve = await connected(lines, "v", "knauer-valve", f"socket://{server.endpoint}", {})
    assert await valve.turn(5) == 5 == rotor.position()
    await lines.close()
    await server.close()


@pytest.mark.parametrize("eight_bits", [False, True])
async def test_a_hamilton_chain_on_a_terminal(lines, eight_bits):
    part, rotor = FakePump(), Rotor()
    syringe = {"volume_ml": 10.0}
    valve_options = {"address": "b", "positions": 8}
    sims = [
        simulated_pump(part, {"syringe": syringe}),
        simulated(SimHamiltonMvp, "v", rotor, valve_options),
    ]
    server = PtyServer(Line("pty", [Station(sim) for sim in sims], "serial", 9600))
    more = {"eight_bits": eight_bits}
    pump = await connected(lines, "p", "hamilton-ml600", server.path, {"syringe": syringe, **more})
    valve = await connected(lines, "v", "hamilton-mvp", server.path, {**valve_options, **more})
    assert await pump.set_flow(2.0) == 2.0
    assert await valve.turn(3) == 3 == rotor.position()
    assert part.flow == pytest.approx(2.0)
    await pump.make_safe()
    assert part.flow == 0.0
    await lines.close()
    server.close()


def simulated_pump(part, options):
    clock = asyncio.get_running_loop().time
    return SimHamiltonPump("p", options, Ports(pump=part), clock)
