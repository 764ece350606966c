"""``taylord safe``: independent of everything, bounded, honest about what it cannot reach."""

import asyncio

import pytest

from daemon.rig.probe import probe_rig
from daemon.safety.safe import make_rig_safe
from daemon.settings.models import Settings
from drivers.errors import CommandRejected, DeviceFault, WrongInstrument
from tests.daemon.rig.scripted import SETTINGS, ScriptedLines

pytestmark = pytest.mark.virtual


def now():
    return asyncio.get_running_loop().time()


class Lines(ScriptedLines):
    """Scripted lines whose instruments a test can prepare before they are used."""

    def __init__(self, **scripts):
        super().__init__()
        self.scripts = scripts

    def instrument(self, name, driver, port, options, limits):
        instrument = super().instrument(name, driver, port, options, limits)
        self.scripts.get(name.replace("-", "_"), lambda _: None)(instrument)
        return instrument

    def done(self, name):
        return self.instruments[name].done


@pytest.fixture
async def settings():
    return Settings.model_validate(SETTINGS)


async def test_every_instrument_is_made_safe_and_nothing_else_is_done(settings):
    lines = Lines()
    report = await make_rig_safe(settings, lines)
    assert report.exit_code == 0
    assert report.lines() == ["pump-a: safe", "pump-b: safe", "bath: safe", "nmr: safe"]
    assert {tuple(lines.done(name)) for name in lines.instruments} == {("safe",)}
    assert lines.closed


async def test_pumps_come_before_heat(settings):
    lines = Lines()
    await make_rig_safe(settings, lines)
    pumps = [lines.instruments[n].log[0][0] for n in ("pump-a", "pump-b")]
    assert max(pumps) <= lines.instruments["bath"].log[0][0]


async def test_a_port_that_is_still_locked_is_tried_again(settings):
    def locked(pump):
        pump.link.refuses = True
        asyncio.get_running_loop().call_later(5.0, setattr, pump.link, "refuses", False)

    report = await make_rig_safe(settings, Lines(pump_a=locked))
    assert report.safe
    assert 5.0 < now() < 10.0


async def test_what_cannot_be_reached_is_named_and_keeps_nobody_waiting(settings):
    lines = Lines(pump_a=lambda pump: setattr(pump.link, "refuses", True))
    report = await make_rig_safe(settings, lines)
    assert report.exit_code == 3
    assert report.lines()[0] == "pump-a: NOT CONFIRMED SAFE: connection refused"
    assert lines.instruments["bath"].log[0][0] < 5.0
    assert now() <= 25.1


async def test_an_instrument_that_refuses_at_first_is_prepared_and_asked_again(settings):
    def alarmed(pump):
        script = [CommandRejected("pump-a", "alarm pending")]
        make_safe = pump.make_safe

        async def first_refuse():
            if script:
                raise script.pop()
            await make_safe()

        pump.make_safe = first_refuse

    report = await make_rig_safe(settings, Lines(pump_a=alarmed))
    assert report.safe
    assert report.outcomes[0].attempts == 1


async def test_a_faulty_device_is_reported(settings):
    lines = Lines(pump_a=lambda pump: setattr(pump, "fault", DeviceFault("pump-a", "stalled")))
    report = await make_rig_safe(settings, lines)
    assert report.lines()[0].endswith("stalled")


async def test_an_instrument_that_cannot_be_built_does_not_keep_the_others_from_safety(settings):
    def unbuildable(_):
        raise ValueError("option 'syringe' is missing")

    report = await make_rig_safe(settings, Lines(pump_a=unbuildable))
    assert report.exit_code == 3
    assert report.lines()[0] == (
        "pump-a: NOT CONFIRMED SAFE: cannot be built: option 'syringe' is missing"
    )
    assert [o.confirmed for o in report.outcomes] == [False, True, True, True]


async def test_a_probe_asks_everyone_and_moves_nothing(settings):
    def unbuildable(_):
        raise ValueError("no such option")

    lines = Lines(
        pump_a=lambda pump: setattr(pump, "fault", WrongInstrument("pump-a", "an oven answers")),
        pump_b=unbuildable,
        nmr=lambda nmr: setattr(nmr, "takes_s", 100.0),
    )
    probes = {probe.name: probe for probe in await probe_rig(settings, lines)}
    assert list(probes) == ["pump-a", "pump-b", "bath", "nmr"]
    assert probes["bath"].identity == "scripted bath"
    assert probes["pump-a"].fault == "an oven answers"
    assert probes["pump-b"].fault == "cannot be built: no such option"
    assert probes["nmr"].fault == "no answer within 10 s"
    assert [name for name in lines.instruments if lines.done(name)] == []
    assert lines.closed
