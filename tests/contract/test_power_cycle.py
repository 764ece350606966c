"""Power cuts: settings are lost, alarms are pending, and nothing is set in motion again by itself.

A simulated instrument has a method that interrupts its power as its manual says (``power_cycle``;
described ones restart from their start values). One without it comes back as it was.
"""

import asyncio
from contextlib import suppress

import pytest

from drivers.errors import InstrumentError
from drivers.registry import driver_class, driver_names
from drivers.roles import Pump, SyringePump, Thermostat
from drivers.signal import Quality
from tests.contract.bench import Bench
from tests.contract.cases import WIRED

pytestmark = pytest.mark.virtual
ATTEMPTS = 30  # to connect, as the supervisor does it
SYRINGES = [
    case
    for case in WIRED
    if case.driver in driver_names() and hasattr(driver_class(case.driver), "refill")
]
COOL_DEGC = 25.0  # a goal that heats nothing

every = pytest.mark.parametrize("bench", WIRED, ids=str, indirect=True)


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


@pytest.fixture
async def bench(request, tmp_path):
    bench = Powered(request.param, tmp_path)
    await bench.connect()
    yield bench
    await bench.close()


@every
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


@every
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


@every
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


@every
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


async def refilling(bench):
    """Deliver 2 mL, and begin to draw them back; half of it comes within 30 s."""
    await bench.set_up()
    await bench.act()
    for _ in range(60):  # polled, as a watchdog in the pump wants it
        await asyncio.sleep(2.0)
        await bench.honest_poll()
    await bench.instrument.stop()
    task = asyncio.create_task(bench.instrument.refill(2.0, 2.0))
    await asyncio.sleep(30.0)
    assert bench.part.flow < 0.0
    return task


@pytest.mark.parametrize("silent_s", [0.0, 3.0])
@pytest.mark.parametrize("bench", SYRINGES, ids=str, indirect=True)
async def test_a_power_cut_in_the_middle_of_a_refill_fails_it_and_the_plunger_stays(
    bench, silent_s
):
    task = await refilling(bench)
    bench.cut()
    if silent_s:
        bench.line.disturb("i", "silent")
    await asyncio.sleep(silent_s)
    bench.line.disturb("i", "ok")
    async with asyncio.timeout(120):
        with pytest.raises(InstrumentError, match="i: "):
            await task
    assert bench.rests
    bench.part.moved = False
    held_ml = bench.part.volume_ml
    await bench.reconnect()
    await bench.honest_poll()
    await asyncio.sleep(300.0)
    assert bench.part.volume_ml == held_ml
    assert not bench.part.moved


@pytest.mark.parametrize("bench", SYRINGES, ids=str, indirect=True)
async def test_after_a_refill_that_a_power_cut_has_ended_no_more_is_promised_than_there_is(bench):
    task = await refilling(bench)
    bench.cut()
    with suppress(InstrumentError):
        await task
    await bench.reconnect()
    readings = await bench.instrument.poll(["remaining"])
    if readings[0].value is not None:
        there = bench.instrument.capacity_ml - bench.part.volume_ml
        assert readings[0].value <= there + 0.01
