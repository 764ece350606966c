"""Modbus on real sockets and terminals, against pymodbus' own server: nobody of ours wrote it."""

import asyncio

import pytest
from pymodbus import FramerType
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.bus import Bus
from drivers.errors import LinkLost, NotConnected
from drivers.modbus import ModbusInstrument, ModbusRejected
from drivers.modbus_signal import ModbusSignal
from drivers.registry import dial_real
from drivers.sensors.keller import KellerXLine
from drivers.thermostats.eurotherm import Eurotherm3216
from simulators.instruments.eurotherm import SimEurotherm3216
from simulators.instruments.keller import SimKellerXLine
from simulators.wire.pty import PtyServer
from tests.drivers.modbus.rig import Bench
from tests.services.broker import free_port


class Tank(ModbusInstrument):
    """What the foreign server serves."""

    level = ModbusSignal(10, unit="mm", divisor=10.0, writable=True)
    count = ModbusSignal(11, "uint16", kind=int)
    flow = ModbusSignal(20, "float32", "mL/min", writable=True)
    nowhere = ModbusSignal(500)


@pytest.fixture(params=["modbus-tcp", "socket"])
async def tank(request):
    """A tank behind pymodbus' server: Modbus TCP, and RTU over TCP."""
    port = free_port()
    data = [
        SimData(10, values=[250, 7], datatype=DataType.REGISTERS),
        SimData(20, values=[0x3FC0, 0], datatype=DataType.REGISTERS),
    ]
    framer = FramerType.SOCKET if request.param == "modbus-tcp" else FramerType.RTU
    server = ModbusTcpServer(SimDevice(3, simdata=data), framer=framer, address=("127.0.0.1", port))
    await server.listen()
    options = Tank.Options(address=3)
    bus = Bus(f"{request.param}://127.0.0.1:{port}", options.line(Tank.line), dial_real)
    await bus.open()
    yield Tank("tank", bus, options, {}), server
    await bus.close()
    await server.shutdown()


async def test_a_foreign_server_is_read_and_written(tank):
    unit, _ = tank
    assert [r.value for r in await unit.poll(["level", "count", "flow"])] == [25.0, 7, 1.5]
    assert (await unit.level.set(12.5)).value == 12.5
    assert (await unit.flow.set(-3.25)).value == -3.25
    assert [r.value for r in await unit.poll(["level", "flow"])] == [12.5, -3.25]


async def test_a_foreign_server_s_refusal_is_named(tank):
    unit, _ = tank
    with pytest.raises(ModbusRejected, match="exception 02"):
        await unit.nowhere.read()


async def test_a_foreign_server_that_goes_away_is_a_lost_link(tank):
    unit, server = tank
    await unit.level.read()
    await server.shutdown()
    await asyncio.sleep(0.05)
    with pytest.raises((LinkLost, NotConnected)):
        await unit.level.read()


async def test_units_on_a_real_terminal_share_its_line():
    rig = Bench(asyncio.get_running_loop())
    rig.add(SimKellerXLine, address=1)
    rig.add(SimEurotherm3216, address=2)
    terminal = PtyServer(rig.line)
    options = KellerXLine.Options(address=1)
    bus = Bus(terminal.path, options.line(KellerXLine.line), dial_real)
    keller = KellerXLine("p1", bus, options, {})
    heater = Eurotherm3216("e1", bus, Eurotherm3216.Options(address=2), {})
    try:
        await bus.open()
        await heater.prepare()
        assert await heater.set_temperature(75.0) == 75.0
        for _ in range(5):
            (pressure,) = await keller.poll(["pressure"])
            (temperature,) = await heater.poll(["temperature"])
            assert (pressure.value, temperature.value) == (pytest.approx(1.2345), 25.0)
    finally:
        await bus.close()
        terminal.close()
