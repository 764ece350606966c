"""Feeds behind a selector valve, on the simulated rig: open before the pump, never shut in."""

import asyncio

import pytest

from daemon.errors import Refused
from daemon.experiment.feasibility import refusals
from drivers.errors import DeviceFault
from tests.daemon.experiment.assembly import COOL, flow_rig
from tests.daemon.experiment.flow import example

pytestmark = pytest.mark.virtual

SELECTOR = {"driver": "vici-actuator", "port": "/dev/ttyUSB5", "positions": 6}


def instruments(**more):
    raw = example().model_dump(exclude_none=True)["instruments"]
    return {**raw, "selector": {**SELECTOR, **more}}


def feeds(**substrate):
    return [
        {"name": "substrate", "pump": "pump-a", "solutes": {"dfnb": 2.0}, **substrate},
        {"name": "amine", "pump": "pump-b", "solutes": {"pyrrolidine": 4.2}},
        {"name": "solvent", "pump": "pump-c"},
    ]


BEHIND = feeds(valve="selector", position=3)


async def test_the_valve_is_turned_and_confirmed_before_its_pump_runs():
    async with flow_rig(instruments=instruments(), feeds=BEHIND) as flow:
        assert flow.truth()["valves"] == {"selector": 1}
        record = await flow.executor.run("e-1", COOL)
        assert flow.truth()["valves"] == {"selector": 3}
    assert record.status == "ok"
    ((turned, arguments),) = flow.commands("turn")
    assert arguments == {"valve": "selector", "position": 3}
    starts = [t for t, a in flow.commands("set_flow") if a.get("pump") == "pump-a"]
    assert turned <= starts[0]


async def test_a_pump_started_against_the_valve_stalls_in_the_plant():
    async with flow_rig(instruments=instruments(), feeds=BEHIND) as flow:
        with pytest.raises(Refused, match="delivers through selector, which is at 1"):
            await flow.rig.guard.set_flow("pump-a", 1.0)
        await flow.rig.instrument("pump-a").set_flow(1.0)  # past the door
        assert flow.truth()["pumps"]["pump-a"]["flow"] == 0.0
        with pytest.raises(DeviceFault, match="new error"):
            await flow.rig.instrument("pump-a").check()
        await flow.rig.guard.set_flow("pump-a", 0.0)
        await flow.rig.guard.turn("selector", 3)
        await flow.rig.guard.set_flow("pump-a", 1.0)
        assert flow.truth()["pumps"]["pump-a"]["flow"] == pytest.approx(1.0)


async def test_a_valve_that_is_turned_by_hand_fails_the_experiment_and_stops_the_pumps():
    async with (
        flow_rig(instruments=instruments(), feeds=BEHIND) as flow,
        asyncio.TaskGroup() as tasks,
    ):
        running = tasks.create_task(flow.executor.run("e-1", COOL))
        await flow.until(step="WaitSteady")
        flow.sim.world.valve("selector").turn(5)
        record = await running
        truth = flow.truth()
    assert (record.status, record.blameless) == ("failed", True)
    assert "selector is at 5, and feed substrate flows through 3" in record.reason
    assert [pump["flow"] for pump in truth["pumps"].values()] == [0.0, 0.0, 0.0]


async def test_a_valve_that_is_stuck_half_way_fails_the_experiment(monkeypatch):
    async with (
        flow_rig(instruments=instruments(), feeds=BEHIND) as flow,
        asyncio.TaskGroup() as tasks,
    ):
        running = tasks.create_task(flow.executor.run("e-1", COOL))
        await flow.until(step="WaitSteady")
        half_way = flow.sim.instruments["selector"]
        monkeypatch.setattr(half_way, "_name", lambda _position: "00")  # it knows no position
        record = await running
        truth = flow.truth()
    assert (record.status, record.blameless) == ("failed", True)
    assert "no position for more than 15 s, and feeds flow through: selector" in record.reason
    assert [pump["flow"] for pump in truth["pumps"].values()] == [0.0, 0.0, 0.0]


async def test_a_valve_that_went_home_between_experiments_is_turned_again():
    async with flow_rig(instruments=instruments(), feeds=BEHIND) as flow:
        first = await flow.executor.run("e-1", COOL)
        flow.sim.world.valve("selector").turn(1)  # its power was gone for a moment
        await asyncio.sleep(5.0)
        second = await flow.executor.run("e-2", COOL)
        assert flow.truth()["valves"] == {"selector": 3}
    assert [first.status, second.status] == ["ok", "ok"]
    assert len(flow.commands("turn")) == 2


async def test_a_valve_that_is_turned_while_the_experiment_is_held_stops_the_pumps():
    through = feeds()
    through[2] |= {"valve": "selector", "position": 3}  # the trickle of solvent
    async with (
        flow_rig(instruments=instruments(), feeds=through) as flow,
        asyncio.TaskGroup() as tasks,
    ):
        running = tasks.create_task(flow.executor.run("e-1", COOL))
        await flow.until(step="WaitSteady")
        flow.executor.hold()
        await flow.until(state="held")
        flow.sim.world.valve("selector").turn(5)
        record = await running
        pumps = flow.truth()["pumps"]
    assert "selector is at 5, and feed solvent flows through 3" in record.reason
    assert [pump["flow"] for pump in pumps.values()] == [0.0, 0.0, 0.0]


async def test_a_valve_that_does_not_turn_keeps_its_pump_from_starting(monkeypatch):
    async with flow_rig(instruments=instruments(turn_s=1.0), feeds=BEHIND) as flow:
        monkeypatch.setattr(flow.sim.world.valve("selector"), "turn", lambda _: None)
        record = await flow.executor.run("e-1", COOL)
    assert (record.status, record.blameless) == ("failed", True)
    assert "did not arrive at position 3" in record.reason
    assert not any(a.get("ml_min") and a["pump"] == "pump-a" for _, a in flow.commands("set_flow"))


async def test_an_experiment_is_refused_while_its_valve_is_away():
    async with flow_rig(instruments=instruments(), feeds=BEHIND) as flow:
        flow.sim.disturb("selector", "unplug")
        await asyncio.sleep(30.0)
        record = await flow.executor.run("e-1", COOL)
    assert record.status == "refused"
    assert "not connected: selector" in record.reason


async def test_a_trip_turns_the_valve_to_its_safe_position_after_the_pumps():
    async with flow_rig(instruments=instruments(safe_position=6), feeds=BEHIND) as flow:
        await flow.rig.guard.turn("selector", 3)
        await flow.rig.guard.set_flow("pump-a", 1.0)
        flow.rig.emergency_stop("test")
        await flow.rig.trip.settled()
        await asyncio.sleep(1.0)
        truth = flow.truth()
    assert truth["valves"] == {"selector": 6}
    assert truth["pumps"]["pump-a"]["flow"] == 0.0
    assert not truth["pumps"]["pump-a"]["stalled"], "it was never shut in"


async def test_feeds_at_two_positions_of_one_valve_are_refused_together():
    both = [
        {"name": "substrate", "pump": "pump-a", "solutes": {"dfnb": 2.0}},
        {"name": "amine", "pump": "pump-b", "solutes": {"pyrrolidine": 4.2}},
        {"name": "solvent", "pump": "pump-c"},
    ]
    for feed, position in zip(both[:2], (2, 3), strict=True):
        feed |= {"valve": "selector", "position": position}
    settings = example(instruments=instruments(), feeds=both)
    (reason,) = refusals(settings, COOL)
    assert "substrate (position 2) and amine (position 3) cannot flow at once" in reason
    both[1]["position"] = 2
    assert refusals(example(instruments=instruments(), feeds=both), COOL) == []


async def test_a_stuck_valve_is_a_fault_of_the_rig(monkeypatch):
    async with flow_rig(instruments=instruments(turn_s=1.0), feeds=BEHIND) as flow:
        monkeypatch.setattr(flow.sim.world.valve("selector"), "turn", lambda _: None)
        with pytest.raises(DeviceFault):
            await flow.rig.guard.turn("selector", 3)
