"""Power cuts: settings are lost, alarms are pending, and nothing is set in motion again by itself.

A simulated instrument has a method that interrupts its power as its manual says (``power_cycle``;
described ones restart from their start values). One without it comes back as it was.
"""

import asyncio
from contextlib import suppress

import pytest

from drivers.errors import InstrumentError
from drivers.roles import Pump, SyringePump, Thermostat
from drivers.signal import Quality
from tests.contract.bench import Bench
from tests.contract.cases import WIRED

pytestmark = pytest.mark.virtual
ATTEMPTS = 30  # to connect, as the supervisor does it
COOL_DEGC = 25.0  # a goal that heats nothing


class Powered(Bench):
    """A bench whose instrument can lose its power."""

    def cut(self):
        """Interrupt the power for a moment."""
        state = getattr(self.sim, "state", None)
        cycle = getattr(self.sim, "power_cycle", None) or getattr(state, "restart", None)
        if cycle is not None:
            cycle()

    @property
    def initialises(self):
        """Return whether it must be initialised after every power cut, which moves it."""
        return "initialised" in self.instrument.signals

    @property
    def rests(self):
        """Return whether nothing is pumped and nothing heated."""
        return self.part.flow == 0.0 and (self.part.goal is None or self.part.goal <= COOL_DEGC)

    @property
    def works(self):
        """Return whether the plant does what :meth:`act` has ordered."""
        if isinstance(self.instrument, Pump):
            return self.part.flow == pytest.approx(1.0, rel=2e-3)
        return self.part.goal == pytest.approx(60.0)

    async def set_up(self):
        """Initialise and fill what wants that after every power cut: a person's deliberate act."""
        if self.initialises:
            await self.instrument.signals["initialised"].set(True)
        if self.initialises and isinstance(self.instrument, SyringePump):
            await self.instrument.refill(self.instrument.capacity_ml / 2, 2.0)

    async def act(self):
        """Pump or heat, if the instrument is one that does."""
        if isinstance(self.instrument, Pump):
            await self.instrument.set_flow(1.0)
        elif isinstance(self.instrument, Thermostat):
            await self.instrument.set_temperature(60.0)
        else:
            await self.instrument.identify()

    async def end(self):
        """Stop or switch heat off, as a person does after a fault."""
        if isinstance(self.instrument, Pump):
            await self.instrument.stop()
        elif isinstance(self.instrument, Thermostat):
            await self.instrument.heat_off()

    async def reconnect(self):
        """Do as the supervisor: identify and prepare until that goes well."""
        for _ in range(ATTEMPTS):
            with suppress(InstrumentError):
                await self.connect()
                return
            await asyncio.sleep(0.5)
        await self.connect()

    async def honest_poll(self):
        """Poll; no reading claims a flow or a control that is not there."""
        readings = await self.instrument.poll(self.polled)
        values = {reading.signal: reading.value for reading in readings}
        if isinstance(self.instrument, Pump):
            assert values["i.flow"] in (None, pytest.approx(self.part.flow, rel=2e-3))
        if values.get("i.running") is True and self.part.goal is not None:
            assert values["i.setpoint"] in (None, pytest.approx(self.part.goal))
        elif isinstance(self.instrument, Thermostat):
            assert not values.get("i.running")
        return readings


def acting(bench):
    return isinstance(bench.instrument, Pump | Thermostat)


@pytest.fixture(params=WIRED, ids=str)
async def bench(request, tmp_path):
    bench = Powered(request.param, tmp_path)
    await bench.connect()
    yield bench
    await bench.close()


async def test_after_a_power_cut_it_comes_back_and_nothing_is_set_in_motion_again(bench):
    await bench.act()
    bench.line.disturb("i", "silent")
    bench.cut()
    await asyncio.sleep(3.0)
    with pytest.raises(InstrumentError, match="i: "):  # what is ordered meanwhile is refused
        await bench.act()
    bench.line.disturb("i", "ok")
    bench.part.moved = False
    await bench.reconnect()
    assert bench.rests
    assert not bench.part.moved
    readings = await bench.honest_poll()
    bad = [reading.signal for reading in readings if reading.quality is Quality.BAD]
    assert bad == [] or bench.initialises  # who has not been initialised knows no volumes


async def test_after_a_power_cut_it_is_fit_for_use_again(bench):
    await bench.act()
    bench.line.disturb("i", "silent")
    bench.cut()
    await asyncio.sleep(15.0)
    bench.line.disturb("i", "ok")
    await bench.reconnect()
    with suppress(InstrumentError):  # an alarm may have to be told once
        await bench.instrument.check()
    await bench.end()
    await bench.set_up()
    await bench.act()
    assert bench.works or not acting(bench)
    await bench.instrument.check()


async def test_a_power_cut_too_short_for_the_line_to_notice_is_told_or_seen(bench):
    await bench.act()
    bench.cut()
    bench.part.moved = False
    with suppress(InstrumentError):
        await bench.instrument.check()
    with suppress(InstrumentError):
        await bench.honest_poll()
    assert bench.rests or bench.works or not acting(bench)
    assert not bench.part.moved
    with suppress(InstrumentError):  # it may not answer to its old settings
        await bench.end()
    await bench.reconnect()
    await bench.end()
    await bench.set_up()
    await bench.act()
    assert bench.works or not acting(bench)
    await bench.instrument.check()
    await bench.instrument.make_safe()
    assert bench.rests


async def test_a_power_cut_while_connecting_only_costs_attempts(bench):
    connecting = asyncio.create_task(bench.connect())
    await asyncio.sleep(0.02)
    bench.cut()
    with suppress(InstrumentError):
        await connecting
    bench.part.moved = False
    await bench.reconnect()
    assert not bench.part.moved
    await bench.set_up()
    await bench.act()
    assert bench.works or not acting(bench)
