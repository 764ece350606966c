"""Valves through the one door: turned and confirmed, and never closed against a running pump."""

import asyncio

import pytest

from daemon.errors import BadRequest, OutOfLimits, Refused, Tripped
from daemon.safety.safe import make_rig_safe
from daemon.settings.models import Settings
from drivers.errors import DeviceFault, NotConnected, ReadbackMismatch
from tests.daemon.rig.scripted import SETTINGS, Bench, ScriptedLines, running

pytestmark = pytest.mark.virtual

INSTRUMENTS = SETTINGS["instruments"] | {"selector": {"driver": "valve", "port": "e"}}
FEEDS = [
    {"name": "one", "pump": "pump-a", "valve": "selector", "position": 3},
    {"name": "two", "pump": "pump-b"},
]


def bench(**changes):
    return Bench(**{"instruments": INSTRUMENTS, "feeds": FEEDS, **changes})


async def test_a_valve_is_turned_read_back_recorded_and_shown():
    async with running(bench()) as rig:
        assert await rig.guard.turn("selector", 3) == 3
        assert rig["selector"].done == ["turn to 3"]
        assert rig.rig.latest("selector.position").value == 3
        pending, done = rig.of("command", verb="turn")
        assert (pending["outcome"], done["outcome"]) == ("pending", "done")
        assert pending["arguments"] == {"valve": "selector", "position": 3}


async def test_setting_the_position_signal_turns_the_valve():
    async with running(bench()) as rig:
        reading = await rig.guard.set_signal("selector.position", 4)
        assert (reading.signal, reading.value) == ("selector.position", 4)
        assert rig["selector"].done == ["turn to 4"]
        for wrong in (1.0, True, "4"):
            with pytest.raises(BadRequest):
                await rig.guard.set_signal("selector.position", wrong)


@pytest.mark.parametrize("position", [0, 7, -1])
async def test_a_position_outside_the_limits_never_reaches_the_wire(position):
    async with running(bench()) as rig:
        with pytest.raises(OutOfLimits, match=r"limits \[1, 6\]"):
            await rig.guard.turn("selector", position)
        assert rig["selector"].done == []


@pytest.mark.parametrize("position", [1.5, "1", None, True])
async def test_a_position_that_is_no_whole_number_is_a_bad_request(position):
    async with running(bench()) as rig:
        with pytest.raises(BadRequest, match="whole number"):
            await rig.guard.turn("selector", position)
        with pytest.raises(BadRequest, match="not a valve"):
            await rig.guard.turn("pump-a", 1)


async def test_a_valve_that_is_elsewhere_afterwards_is_a_mismatch():
    async with running(bench()) as rig:
        rig["selector"].holds = 5
        with pytest.raises(ReadbackMismatch, match="turned to 4 and is at 5"):
            await rig.guard.turn("selector", 4)


async def test_a_pump_does_not_start_against_a_valve_that_is_elsewhere():
    async with running(bench()) as rig:
        with pytest.raises(
            Refused, match=r"delivers through selector, which is at 1.*turn it to 3"
        ):
            await rig.guard.set_flow("pump-a", 1.0)
        assert rig["pump-a"].done == []
        await rig.guard.set_flow("pump-b", 1.0)  # behind no valve
        await rig.guard.turn("selector", 3)
        assert await rig.guard.set_flow("pump-a", 1.0) == 1.0
        await rig.guard.set_flow("pump-a", 0.0)


async def test_a_valve_is_not_turned_away_from_a_pump_that_delivers_through_it():
    async with running(bench()) as rig:
        await rig.guard.turn("selector", 3)
        await rig.guard.set_flow("pump-a", 1.0)
        with pytest.raises(Refused, match="pump-a delivers through selector at 3; stop it first"):
            await rig.guard.turn("selector", 4)
        await rig.guard.turn("selector", 3)
        await rig.guard.set_flow("pump-a", 0.0)
        assert await rig.guard.turn("selector", 4) == 4


async def test_a_pump_found_running_counts_by_its_reading():
    async with running(bench()) as rig:
        rig["pump-a"].values["flow"] = 1.0
        await asyncio.sleep(3)
        with pytest.raises(Refused, match="stop it first"):
            await rig.guard.turn("selector", 4)


async def test_a_valve_that_is_not_heard_is_not_open():
    async with running(bench()) as rig:
        await rig.guard.turn("selector", 3)
        rig["selector"].silent = True
        await asyncio.sleep(10)
        with pytest.raises(Refused, match="which is not known"):
            await rig.guard.set_flow("pump-a", 1.0)
        with pytest.raises(NotConnected):
            await rig.guard.turn("selector", 3)
        await rig.guard.set_flow("pump-a", 0.0)


async def test_a_tripped_rig_turns_no_valve():
    async with running(bench()) as rig:
        rig.rig.emergency_stop("test")
        with pytest.raises(Tripped):
            await rig.guard.turn("selector", 3)


async def test_a_valve_s_own_fault_holds_the_experiment():
    async with running(bench()) as rig:
        rig["selector"].own_alarm = DeviceFault("selector", "is at position 2")
        await asyncio.sleep(10)
        assert any(a["name"] == "selector fault" for a in rig.rig.alarm_documents())


@pytest.mark.parametrize("slow_s", [0.01, 3.0, 6.0])
async def test_valves_are_made_safe_when_the_pumps_have_confirmed(slow_s):
    async with running(bench()) as rig:
        rig["pump-b"].takes_s = slow_s
        rig.rig.emergency_stop("test")
        await rig.rig.trip.settled()
        await asyncio.sleep(1.0)  # a reset does not wait for valves
        stopped = max(t for name in ("pump-a", "pump-b") for t, w in rig[name].log if w == "safe")
        turned = min(t for t, what in rig["selector"].log if what == "safe")
        assert turned >= stopped
        bath = min(t for t, what in rig["bath"].log if what == "safe")
        assert bath <= turned


async def test_the_safe_command_leaves_a_valve_alone_while_a_pump_may_run():
    lines = ScriptedLines()
    settings = Settings.model_validate(SETTINGS | {"instruments": INSTRUMENTS})
    instrument = lines.instrument

    def broken(name, *more):
        made = instrument(name, *more)
        made.fault = DeviceFault(name, "stalled") if name == "pump-a" else None
        return made

    lines.instrument = broken
    report = await make_rig_safe(settings, lines)
    assert report.lines()[-1] == "selector: NOT CONFIRMED SAFE: waits until the pumps stand"
    assert lines.instruments["selector"].done == []
    assert lines.instruments["bath"].done == ["safe"]


async def test_a_pump_whose_valve_is_turned_away_by_hand_is_stopped_by_a_trip():
    async with running(bench()) as rig:
        await rig.guard.turn("selector", 3)
        await rig.guard.set_flow("pump-a", 0.1)  # solvent trickles, and no experiment runs
        rig["selector"].values["position"] = 4
        await asyncio.sleep(10.0)
        cause = rig.rig.trip.cause
        assert cause.name == "pump-a shut in"
        assert "0.1 mL/min through selector, which is at 4 instead of 3" in cause.message
        assert rig["pump-a"].values["flow"] == 0.0


async def test_a_valve_nobody_pumps_through_may_stand_anywhere():
    async with running(bench()) as rig:
        await rig.guard.turn("selector", 3)
        rig["selector"].values["position"] = 4
        await asyncio.sleep(30.0)
        assert rig.rig.trip.cause is None
