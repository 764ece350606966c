"""Buses that are closed with the test."""

import asyncio

import pytest

from drivers.bus import Bus
from drivers.modbus import MODBUS_LINE
from tests.drivers.modbus.rig import Bench


@pytest.fixture
async def bus_on():
    """Opens a bus on a transport."""
    opened = []

    async def open_bus(transport, port="/dev/ttyS0", line=MODBUS_LINE):
        bus = Bus(port, line, lambda _port, _line: transport)
        await bus.open()
        opened.append(bus)
        return bus

    yield open_bus
    for bus in opened:
        await bus.close()


@pytest.fixture
async def bench():
    """Makes benches of simulated units; their buses are closed with the test."""
    made = []

    def make(**how):
        made.append(Bench(asyncio.get_running_loop(), **how))
        return made[-1]

    yield make
    for one in made:
        if one.bus is not None:
            await one.bus.close()
