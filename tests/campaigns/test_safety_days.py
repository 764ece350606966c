"""Bad days of the whole daemon (DOMAIN 8): every fault ends with a rig that stands still and cools."""

import asyncio
from dataclasses import replace

import pytest

from daemon.api.commands import Because
from daemon.errors import Refused, Tripped
from drivers.errors import NoReply, NotConnected
from tests.campaigns.days import events, scenario, settings_of


async def nobody(_):
    """Nobody is at the rig."""
    await asyncio.Event().wait()


class Night:
    """One experiment with faults of the plant, and somebody at its side."""

    def __init__(self, data, *faults, script=nobody, once=True, experiments=1, **reactor):
        settings = settings_of(experiments, faults=list(faults))
        settings = settings.model_copy(
            update={"reactor": settings.reactor.model_copy(update=reactor)}
        )
        self.stage = None

        async def beside(stage):
            self.stage = stage
            await script(stage)

        self.outcome = scenario(data, settings, beside, once=once)
        self.trips = [trip["name"] for trip in events(data, "trip")]


def fault(kind, at=600.0, **more):
    return {"kind": kind, "at": at} | more


# whichever pump is asked first after the clog, or the leak
HIGH_PRESSURE = "line pressure or pump-c.pressure beyond the reactor"
LOW_PRESSURE = "pump-a.pressure is lost or pump-c.pressure is lost"


@pytest.mark.parametrize(
    ("broken", "tripped_by"),
    [
        (fault("heater_stuck", size=1.0), "bath runs away"),
        (fault("dead_sensor", instrument="bath"), "bath heats unseen"),
        (fault("leak", size=10.0), LOW_PRESSURE),
        (fault("clog", size=1e4), HIGH_PRESSURE),
        (fault("clog", size=0.2), HIGH_PRESSURE),
        (fault("garbage", instrument="pump-a"), "line pressure"),
        (fault("silent", instrument="bath", duration=20.0), "bath heats unseen"),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_a_dangerous_fault_trips_the_rig_and_leaves_it_safe(broken, tripped_by, tmp_path):
    night = Night(tmp_path, broken)
    (tripped,) = night.trips
    assert tripped in tripped_by.split(" or ")
    assert night.outcome.exit_code == 4
    assert [e["status"] for e in night.outcome.document["experiments"]] == ["aborted"]
    pumps_and_heat = night.stage.truth
    assert not any(pump["flow"] for pump in pumps_and_heat["pumps"].values())
    if broken["kind"] != "silent":  # it may have been deaf to the last word: `taylord safe` follows
        assert night.stage.safe


async def _stop_the_pumps(stage):
    await stage.step("WaitSteady")
    for pump in stage.flows:
        await stage.rig.guard.set_flow(pump, 0.0)
    await nobody(stage)


def test_heat_without_flow_trips_where_the_reactor_needs_flow(tmp_path):
    night = Night(tmp_path, script=_stop_the_pumps, heat_needs_flow=True)
    assert night.trips == ["bath heats without flow"]
    assert night.stage.safe


async def _freeze_the_sensor(stage):
    bath = stage.rig.instruments["bath"]
    await stage.step("Heat")
    poll = bath.poll

    async def frozen(names):
        group = await poll(names)
        return [replace(r, value=40.0) if r.signal == "bath.temperature" else r for r in group]

    bath.poll = frozen
    await nobody(stage)


def test_a_frozen_sensor_is_not_believed_for_long(tmp_path):
    night = Night(tmp_path, script=_freeze_the_sensor)
    assert night.trips == ["bath.temperature stands still"]
    assert night.stage.truth["heaters"]["bath"]["temperature"] < 140.0
    assert night.stage.safe


async def _answer_no_poll(stage):
    pump = stage.rig.instruments["pump-b"]
    await stage.step("WaitSteady")

    async def poll(_):
        await asyncio.sleep(0.5)
        raise NoReply("pump-b", b"RAT", 0.5)

    pump.poll = poll
    await asyncio.sleep(120.0)
    del pump.poll
    await stage.until("connection", instrument="pump-b", state="connected")


def test_an_instrument_that_says_only_who_it_is_is_one_outage(tmp_path):
    night = Night(tmp_path, script=_answer_no_poll, once=False)
    told = [d["state"] for d in night.stage.told("connection", instrument="pump-b")]
    assert told == ["connected", "reconnecting", "failed", "connected"]


@pytest.mark.parametrize("step", ["Refill", "Heat", "WaitSteady", "Sample"])
def test_a_trip_in_any_step_stops_everything_and_nothing_acts_after_it(step, tmp_path):
    async def script(stage):
        await stage.step(step)
        reply = await stage.commands.trip(Because(reason="by hand"))
        assert reply["safe"], reply
        assert stage.safe
        with pytest.raises(Tripped):
            await stage.commands.campaign_resume(Because())
        with pytest.raises(Tripped):
            await stage.commands.campaign_start(Because())
        with pytest.raises(Tripped):
            await stage.rig.guard.set_flow("pump-a", 1.0)
        await asyncio.sleep(30.0)
        assert stage.safe

    night = Night(tmp_path, script=script, once=False)
    assert night.trips == ["mqtt"]
    assert [e["status"] for e in night.outcome.document["experiments"]] == ["aborted"]


def test_a_reset_is_refused_while_the_violation_stands_and_restarts_nothing(tmp_path):
    async def script(stage):
        await stage.until("trip", state="tripped")
        await stage.rig.trip.settled()
        with pytest.raises(Refused, match="still stands"):
            await stage.commands.trip_reset(Because())
        await asyncio.sleep(600.0)  # the clog is gone by then
        assert await stage.commands.trip_reset(Because()) == {"tripped": False}
        await asyncio.sleep(60.0)
        assert stage.safe
        assert stage.campaign.state == "aborted"
        await stage.commands.campaign_start(Because())
        await stage.until("experiment", status="ok")

    night = Night(tmp_path, fault("clog", size=1e4, duration=300.0), script=script, once=False)
    assert [e["status"] for e in night.outcome.document["experiments"]] == ["aborted", "ok"]


def test_faults_at_once_trip_once(tmp_path):
    broken = [fault("clog", size=1e4), fault("dead_sensor", instrument="bath")]
    night = Night(tmp_path, *broken, fault("silent", instrument="pump-b", duration=8.0))
    assert len(night.trips) == 1
    assert night.stage.safe


def test_a_heater_whose_wire_breaks_in_a_trip_is_switched_off_when_it_is_back(tmp_path):
    async def script(stage):
        await stage.step("WaitSteady")
        stage.disturb("bath", "unplug")
        reply = await stage.commands.trip(Because())
        assert reply["safe"] is False
        assert not any(stage.flows.values())
        assert stage.truth["heaters"]["bath"]["goal"] is not None
        with pytest.raises(Refused, match="has not been read"):
            await stage.commands.trip_reset(Because())
        await asyncio.sleep(300.0)
        stage.disturb("bath", "ok")
        await asyncio.sleep(5.0)
        assert stage.safe
        assert (await stage.commands.trip_reset(Because()))["tripped"] is False

    Night(tmp_path, script=script, once=False)


def test_a_power_cycled_pump_stays_off_and_the_next_experiment_sets_it_up_anew(tmp_path):
    async def script(stage):
        await stage.step("WaitSteady")
        stage.disturb("pump-c", "unplug")
        stage.parts.simulation.world.pump("pump-c").set_flow(0.0)
        await asyncio.sleep(5.0)
        stage.disturb("pump-c", "ok")
        await stage.until("connection", instrument="pump-c", state="connected")
        assert stage.flows["pump-c"] == 0.0  # nothing is re-actuated by connecting
        await stage.until("experiment", status="ok")

    Night(tmp_path, script=script, once=False, experiments=2)


def test_the_daemon_starts_degraded_and_refuses_experiments_until_the_pump_is_there(tmp_path):
    async def script(stage):
        await asyncio.sleep(120.0)
        assert stage.campaign.experiment == ""
        assert stage.rig.connected("bath")
        assert stage.truth["heaters"]["bath"]["goal"] is None
        with pytest.raises(NotConnected):
            await stage.rig.guard.set_flow("pump-a", 1.0)
        await stage.until("experiment", status="ok")

    absent = fault("unplug", at=0.0, instrument="pump-a", duration=300.0)
    Night(tmp_path, absent, script=script, once=False)


def test_an_analyser_that_goes_away_is_waited_for_at_a_trickle(tmp_path):
    async def script(stage):
        await stage.step("Sample")
        await asyncio.sleep(60.0)
        assert stage.flows == {"pump-a": 0.0, "pump-b": 0.0, "pump-c": pytest.approx(0.05)}
        assert stage.truth["heaters"]["bath"]["goal"] is not None
        await nobody(stage)

    away = fault("silent", at=1080.0, instrument="nmr", duration=300.0)  # while it samples
    night = Night(tmp_path, away, script=script)
    assert [e["status"] for e in night.outcome.document["experiments"]] == ["ok"]


@pytest.mark.parametrize("step", ["Heat", "WaitSteady", "Sample"])
def test_a_hold_in_any_step_keeps_the_temperature_and_a_resume_ends_well(step, tmp_path):
    async def script(stage):
        await stage.step(step)
        await stage.commands.campaign_hold(Because(reason="lunch"))
        await stage.until("campaign", state="held")
        await asyncio.sleep(600.0)
        assert stage.flows["pump-a"] == stage.flows["pump-b"] == 0.0
        assert stage.campaign.state == "held"
        await stage.commands.campaign_resume(Because())
        await stage.until("experiment", status="ok")

    Night(tmp_path, script=script, once=False)


@pytest.mark.parametrize("step", ["Heat", "WaitSteady", "CoolDown"])
def test_an_abort_in_any_step_goes_safe_now(step, tmp_path):
    async def script(stage):
        while step not in {d.get("step") for _, _, d in stage.heard}:
            await asyncio.sleep(0.5)
        await stage.commands.campaign_abort(Because())
        await stage.until("campaign", state="aborted", within=30.0)
        assert stage.safe

    Night(tmp_path, script=script, once=False)


def test_a_stop_finishes_the_experiment_and_cools_down(tmp_path):
    async def script(stage):
        await stage.step("Heat")
        await stage.commands.campaign_stop(Because())
        await stage.until("campaign", state="stopped")
        assert stage.safe
        assert stage.told("experiment", status="ok")
        assert stage.truth["heaters"]["bath"]["temperature"] < 51.0

    Night(tmp_path, script=script, once=False, experiments=3)


def test_a_minute_of_garbage_on_every_wire_is_survived_and_the_next_experiment_is_good(tmp_path):
    async def script(stage):
        await stage.until("trip", state="tripped")
        await asyncio.sleep(120.0)
        assert stage.safe
        states = {c["state"] for c in stage.rig.connections().values()}
        assert states == {"connected"}
        assert len(stage.told("connection", state="reconnecting")) == 4  # one outage each
        await stage.commands.trip_reset(Because())
        await stage.commands.campaign_start(Because())
        await stage.until("experiment", status="ok")

    names = ("pump-a", "pump-b", "pump-c", "bath")
    garbage = [fault("garbage", instrument=name, duration=60.0) for name in names]
    Night(tmp_path, *garbage, script=script, once=False)


def test_the_wrong_instrument_on_a_port_is_never_commanded(tmp_path):
    async def script(stage):
        lines, ports = stage.parts.simulation.lines, stage.parts.plan.settings.instruments
        port = ports["pump-a"].port
        await stage.step("WaitSteady")
        stage.disturb("pump-a", "unplug")
        right, lines[port] = lines[port], lines[ports["nmr"].port]
        await asyncio.sleep(100.0)
        assert not stage.rig.connected("pump-a")
        with pytest.raises(Tripped):
            await stage.rig.guard.set_flow("pump-a", 1.0)
        with pytest.raises(Refused):
            await stage.commands.trip_reset(Because())
        lines[port] = right
        stage.disturb("pump-a", "ok")
        await asyncio.sleep(10.0)
        assert stage.rig.connected("pump-a")
        assert stage.safe

    Night(tmp_path, script=script, once=False)


@pytest.mark.parametrize(("at", "step"), [(200.0, "Heat"), (800.0, "WaitSteady")])
def test_a_bath_without_power_is_told_as_that_and_blames_no_conditions(at, step, tmp_path):
    night = Night(tmp_path, fault("heater_stuck", at=at, size=0.0), experiments=8)
    records = night.outcome.document["experiments"]
    assert [record["status"] for record in records] == ["failed"] * 3
    assert len({record["requested"]["temperature"] for record in records}) == 1  # asked for again
    assert "3 experiments failed in a row; the last: bath comes no nearer" in night.outcome.reason
    last = [a["message"] for a in events(tmp_path, "alarm") if a["id"] == "temperature not reached"]
    assert last
    assert night.stage.safe
    ended = [e for e in events(tmp_path, "experiment") if e["state"] == "stopped"]
    assert ended[0]["step"] == step
    assert ended[-1]["finished"] < 2.0 * 3600.0  # not at the end of the night
