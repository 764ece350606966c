"""What every driver promises, whatever is at the other end of its wire."""

import asyncio
import math
from contextlib import suppress

import pytest
from pydantic import ValidationError

from drivers.errors import InstrumentError, LinkLost, NoReply, NotConnected, OutOfRange
from drivers.options import DriverOptions
from drivers.registry import driver_class, driver_names
from drivers.roles import Instrument, Pump, Thermostat
from drivers.signal import Quality
from drivers.transport.base import LineSpec
from tests.contract.bench import Bench
from tests.contract.cases import CASES, WIRED

pytestmark = pytest.mark.virtual
wired = pytest.mark.parametrize("case", WIRED, ids=str)


@pytest.fixture(params=CASES, ids=str)
def case(request):
    return request.param


@pytest.fixture
async def bench(case, tmp_path):
    bench = Bench(case, tmp_path)
    yield bench
    await bench.close()


@pytest.fixture
async def connected(bench):
    await bench.connect()
    return bench


def test_every_installed_driver_is_under_this_contract():
    assert {case.driver for case in CASES} == set(driver_names())


def test_a_driver_says_how_its_line_is_used_and_what_its_options_are(case):
    cls = driver_class(case.driver)
    assert isinstance(cls.line, LineSpec)
    assert issubclass(cls.Options, DriverOptions)
    assert (cls.__doc__ or "").strip()
    with pytest.raises(ValidationError, match="no_such_option"):
        cls.Options.model_validate({**case.options, "no_such_option": 1})


async def test_it_is_an_instrument_with_named_signals(bench):
    instrument = bench.instrument
    assert isinstance(instrument, Instrument)
    for name, signal in instrument.signals.items():
        assert (signal.spec.name, signal.full_name) == (name, f"i.{name}")
        assert signal.spec.limits is None or signal.spec.kind in (float, int)


async def test_nothing_is_sent_before_the_line_is_open(bench):
    if not bench.polled:
        pytest.skip("nothing of it is polled")
    if bench.case.framing != "mqtt":
        with pytest.raises(NotConnected):
            await bench.instrument.poll(bench.polled)
    assert bench.sent == []


async def test_connecting_moves_nothing(connected):
    assert not connected.part.moved
    assert await connected.instrument.identify()
    await connected.instrument.check()
    assert not connected.part.moved


async def test_polls_give_good_readings_of_the_declared_kind_and_unit(connected):
    readings = await connected.instrument.poll(connected.polled)
    assert [reading.signal for reading in readings] == [f"i.{name}" for name in connected.polled]
    for reading, name in zip(readings, connected.polled, strict=True):
        spec = connected.instrument.signals[name].spec
        assert (reading.quality, reading.unit) == (Quality.GOOD, spec.unit)
        assert isinstance(reading.value, spec.kind)


async def test_connecting_twice_is_the_same_as_once(connected):
    first = values(await connected.instrument.poll(connected.polled))
    await connected.connect()
    assert values(await connected.instrument.poll(connected.polled)) == first


def values(readings):
    return {reading.signal: reading.value for reading in readings}


@wired
async def test_bad_values_never_reach_the_wire(connected):
    for signal in connected.instrument.signals.values():
        bad = [math.nan, math.inf, None, object()]
        if signal.spec.kind in (float, int):
            bad += [True, "1", b"1"]
        if signal.spec.limits:
            bad += [signal.spec.limits.high * 1.01 + 1, signal.spec.limits.low - 1]
        for value in bad if signal.spec.kind is not str else [None, 1.0]:
            with pytest.raises(OutOfRange):
                await signal.set(value)
    assert connected.sent == []


@wired
async def test_making_safe_from_any_state_ends_safe(connected):
    instrument = connected.instrument
    if isinstance(instrument, Pump):
        await instrument.set_flow(1.0)
        assert connected.part.flow == pytest.approx(1.0)
    if isinstance(instrument, Thermostat):
        await instrument.set_temperature(60.0)
        assert connected.part.goal == pytest.approx(60.0)
    await instrument.make_safe()
    assert connected.part.flow == 0.0
    assert connected.part.goal is None or connected.part.goal <= 25.0
    await instrument.make_safe()


@wired
async def test_silence_is_no_reply_and_ends_with_the_silence(connected):
    connected.line.disturb("i", "silent")
    for ask in (connected.instrument.check, connected.instrument.identify):
        with pytest.raises(NoReply, match="i: no reply to"):
            await ask()
    connected.line.disturb("i", "ok")
    await connected.instrument.identify()


@wired
async def test_unplugging_is_a_lost_link_and_the_line_opens_again(connected):
    asking = asyncio.create_task(connected.instrument.identify())
    gap_s = driver_class(connected.case.driver).line.gap_s
    await asyncio.sleep(max(0.0055, gap_s + 0.0015))  # past the gap, before the fastest answer
    connected.line.disturb("i", "unplug")
    with pytest.raises(LinkLost):
        await asking
    with pytest.raises(NotConnected):
        await connected.instrument.identify()
    with pytest.raises(LinkLost, match="i: "):
        await connected.lines.open("i")
    connected.line.disturb("i", "ok")
    await connected.connect()
    await connected.instrument.identify()


@wired
async def test_random_bytes_instead_of_replies_are_a_named_fault(connected):
    good = values(await connected.instrument.poll(connected.polled))
    connected.line.disturb("i", "garbage")
    for _ in range(5):
        with pytest.raises(InstrumentError):
            await connected.instrument.identify()
    connected.line.disturb("i", "ok")
    await asyncio.sleep(3)
    with suppress(NoReply):  # what the garbage left behind may cost one more question
        await connected.instrument.identify()
    await connected.connect()
    assert values(await connected.instrument.poll(connected.polled)) == good


@pytest.mark.parametrize("case", [case for case in WIRED if case.framing == "serial"], ids=str)
async def test_a_converter_that_sends_our_bytes_back_does_no_harm(case, tmp_path):
    bench = Bench(case, tmp_path)
    plain = bench.instrument
    bench.options["echo"] = True
    echoing = bench.lines.__class__(bench._dial)
    bench.lines, before = echoing, bench.lines
    bench.instrument = echoing.instrument("i", case.driver, case.port, bench.options, case.limits)
    assert type(plain) is type(bench.instrument)
    await bench.connect()
    assert bench.line.echo
    assert all(r.quality is Quality.GOOD for r in await bench.instrument.poll(bench.polled))
    await bench.close()
    await before.close()
