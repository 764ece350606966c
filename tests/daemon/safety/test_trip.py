"""The trip on a whole scripted rig: at once, in order, latched, reset by a separate act."""

import asyncio

import pytest

from daemon.errors import Refused, Tripped
from daemon.events import EventBus
from daemon.safety.alarms import Alarms
from daemon.safety.drive import Member
from daemon.safety.history import History
from daemon.safety.trip import Cause, Trip
from drivers.errors import CommandRejected
from tests.daemon.rig.scripted import Bench, running

pytestmark = pytest.mark.virtual

LINE = {"name": "line", "signal": "pump-a.pressure", "above": 15.0}


def now():
    return asyncio.get_running_loop().time()


async def tripped(bench):
    """Raise the pressure over the bound, and wait for the trip."""
    bench["pump-a"].values["pressure"] = 16.0
    await asyncio.sleep(1.1)
    await bench.rig.trip.settled()


async def test_an_interlock_trips_pumps_first_then_heat():
    async with running(Bench(interlocks=[LINE])) as bench:
        await tripped(bench)
        pumps = [bench[name].log[-1] for name in ("pump-a", "pump-b")]
        others = [bench[name].log[-1] for name in ("bath", "nmr")]
        assert {what for _, what in pumps + others} == {"safe"}
        assert max(t for t, _ in pumps) <= min(t for t, _ in others)


async def test_the_trip_says_what_tripped_it():
    async with running(Bench(interlocks=[LINE])) as bench:
        await tripped(bench)
        (trip,) = bench.of("trip")
        assert trip == {
            "name": "line",
            "message": "pump-a.pressure = 16 bar is above 15",
            "signal": "pump-a.pressure",
            "value": 16.0,
            "threshold": 15.0,
            "action": "trip",
            "state": "tripped",
        }
        (alarm,) = bench.rig.alarm_documents()
        assert (alarm["id"], alarm["priority"], alarm["state"]) == ("line", "high", "active")


async def test_a_trip_keeps_the_last_minutes_of_all_channels():
    async with running(Bench(interlocks=[LINE])) as bench:
        await tripped(bench)
        await asyncio.sleep(1)
        (kept,) = bench.of("decision", what="trip.history")
        assert kept["trip"] == "line"
        assert kept["channels"]["pump-a.pressure"][-1][1] == 16.0
        assert kept["channels"]["pump-a.pressure"][0][1] == 1.0
        assert "bath.temperature" in kept["channels"]


async def test_silence_trips_when_a_pump_goes_away():
    async with running(Bench(interlocks=[LINE | {"delay_s": 0.5}])) as bench:
        bench["pump-a"].link.unplug()
        await asyncio.sleep(1.6)
        assert bench.rig.trip.cause is not None
        assert bench["pump-b"].done == ["safe"]


async def test_readings_that_stop_altogether_trip_by_the_timer():
    async with running(Bench(interlocks=[LINE])) as bench:
        bench.rig._supervisors["pump-a"]._plan._due = [1e9]  # a poller that has forgotten it
        await asyncio.sleep(4)
        assert bench.rig.trip.cause is not None
        assert "has not been read for 3 s" in bench.rig.trip.cause.message


async def test_reset_is_refused_while_the_violation_stands_and_restarts_nothing():
    async with running(Bench(interlocks=[LINE])) as bench:
        await bench.guard.set_flow("pump-a", 1.0)
        await tripped(bench)
        with pytest.raises(Refused, match="a violation still stands: pump-a"):
            bench.rig.reset()
        bench["pump-a"].values["pressure"] = 5.0
        await asyncio.sleep(1.1)
        bench.rig.reset()
        await asyncio.sleep(5)
        assert bench.rig.trip.cause is None
        assert bench["pump-a"].done == ["flow=1", "safe"]
        assert [t["state"] for t in bench.of("trip")] == ["tripped", "reset"]
        assert await bench.guard.set_flow("pump-a", 1.0) == 1.0


async def test_the_trip_stays_latched_when_the_violation_goes():
    async with running(Bench(interlocks=[LINE])) as bench:
        await tripped(bench)
        bench["pump-a"].values["pressure"] = 5.0
        await asyncio.sleep(60)
        with pytest.raises(Tripped):
            await bench.guard.set_flow("pump-a", 1.0)


async def test_reset_without_a_trip_is_refused():
    async with running(Bench()) as bench:
        with pytest.raises(Refused, match="not tripped"):
            bench.rig.reset()


async def test_a_pump_that_does_not_answer_is_an_alarm_and_is_stopped_when_it_returns():
    async with running(Bench()) as bench:
        bench["pump-a"].link.unplug()
        await asyncio.sleep(2)
        bench.rig.emergency_stop("person")
        report = await bench.rig.trip.settled(3.0)
        assert [o.name for o in report.outcomes if not o.confirmed] == ["pump-a"]
        assert bench["bath"].done == ["safe"]
        assert [a["id"] for a in bench.of("alarm", state="active")] == ["pump-a not safe"]
        with pytest.raises(Refused, match="not confirmed safe yet: pump-a"):
            bench.rig.reset()
        bench["pump-a"].link.refuses = False
        await asyncio.sleep(2)
        assert bench["pump-a"].done == ["safe"]
        bench.rig.reset()
        assert bench.rig.trip.report().safe


async def test_an_analyser_that_does_not_answer_does_not_keep_the_rig_tripped():
    bench = Bench()
    bench["nmr"].link.refuses = True
    async with running(bench):
        bench.rig.emergency_stop("person")
        await asyncio.sleep(3)
        bench.rig.reset()
        assert await bench.guard.set_flow("pump-a", 1.0) == 1.0


async def test_a_second_cause_changes_nothing_while_the_first_is_carried_out():
    async with running(Bench()) as bench:
        bench.rig.emergency_stop("one")
        bench.rig.emergency_stop("two")
        await bench.rig.trip.settled()
        assert bench["pump-a"].done == ["safe"]
        assert bench.rig.trip.cause.name == "one"
        assert len(bench.of("trip")) == 1


async def test_a_new_violation_while_tripped_stops_everything_again():
    async with running(Bench(interlocks=[LINE])) as bench:
        bench.rig.emergency_stop("person")
        await bench.rig.trip.settled()
        await tripped(bench)
        assert bench["pump-a"].done == ["safe", "safe"]
        assert len(bench.of("trip")) == 1


async def test_heat_is_noted_as_off_once_the_bath_has_confirmed():
    async with running(Bench()) as bench:
        await bench.guard.set_temperature("bath", 50.0)
        bench["bath"].values["running"] = False
        bench.rig.emergency_stop("person")
        await bench.rig.trip.settled()
        bench["bath"].link.unplug()
        await asyncio.sleep(20)
        bench.rig.reset()


async def test_heat_unseen_for_five_seconds_trips_without_any_configuration():
    async with running(Bench()) as bench:
        await bench.guard.set_temperature("bath", 50.0)
        await asyncio.sleep(3)
        bench["bath"].values["temperature"] = None
        began = now()
        while bench.rig.trip.cause is None:
            await asyncio.sleep(0.1)
        assert 3.5 <= now() - began <= 5.1
        assert bench.rig.trip.cause.name == "bath heats unseen"
        await bench.rig.trip.settled()
        assert bench["bath"].done == ["heat to 50", "safe"]


async def test_a_bath_beyond_its_limit_trips_without_any_configuration():
    async with running(Bench()) as bench:
        bench["bath"].values["temperature"] = 149.9
        await asyncio.sleep(2)
        assert bench.rig.trip.cause is None
        bench["bath"].values["temperature"] = 150.1
        await asyncio.sleep(2)
        assert bench.rig.trip.cause.threshold == 150.0


async def test_a_trip_pulled_before_the_rig_runs_is_carried_out_when_it_does():
    bench = Bench()
    bench.rig.emergency_stop("person")
    with pytest.raises(Refused, match="the trip has not run"):
        bench.rig.reset()
    assert bench.rig.trip.report().outcomes == ()
    async with running(bench):
        await bench.rig.trip.settled()
        assert bench["pump-a"].done == ["safe"]


async def test_the_end_of_the_rig_makes_it_safe_and_closes_the_lines():
    bench = Bench()
    async with running(bench):
        await bench.guard.set_flow("pump-a", 1.0)
    assert bench["pump-a"].done == ["flow=1", "safe"]
    assert bench["bath"].done == ["safe"]
    assert bench.lines.closed
    assert bench.of("decision", what="rig.safe")[0]["reason"] == "the daemon is stopping"
    with pytest.raises(Refused, match="the daemon is stopping"):
        await bench.guard.set_flow("pump-a", 1.0)


async def test_the_end_of_the_rig_is_bounded_with_a_dead_pump(caplog):
    bench = Bench()
    began = now()
    async with running(bench):
        bench["pump-a"].fault = CommandRejected("pump-a", "?NA")
        began = now()
    assert now() - began <= 8.1
    assert bench["bath"].done == ["safe"]
    assert bench.lines.closed


async def test_a_hold_asks_by_an_alarm_and_trips_nothing():
    rows = [{"name": "warm", "signal": "bath.temperature", "above": 60.0, "action": "hold"}]
    async with running(Bench(interlocks=rows)) as bench:
        bench["bath"].values["temperature"] = 61.0
        await asyncio.sleep(2)
        (alarm,) = bench.of("alarm")
        assert (alarm["action"], alarm["state"], alarm["priority"]) == ("hold", "active", "medium")
        assert bench.rig.trip.cause is None
        assert bench.rig.interlocks()["warm"] == "raised"


async def test_the_record_is_dropped_when_the_trip_is_reset_at_once():
    events = EventBus()
    told = []
    events.on_event(told.append)
    trip = Trip([], events, Alarms(events), History())
    task = asyncio.create_task(trip.run())
    await asyncio.sleep(0)
    trip.pull(Cause("person", "test"))
    await trip.settled()
    trip.returned()
    trip.reset([])
    await asyncio.sleep(1)
    assert [e.kind for e in told] == ["trip", "trip"]
    trip.returned()
    task.cancel()
    await asyncio.wait([task])


async def test_a_trip_whose_task_ends_at_once_leaves_nothing_behind():
    bench = Bench()
    task = asyncio.create_task(bench.rig.trip.run())
    await asyncio.sleep(0)
    bench.rig.emergency_stop("person")
    task.cancel()
    await asyncio.wait([task])
    bench.rig.emergency_stop("another")
    assert bench.rig.trip.cause.name == "person"


async def test_an_idle_trip_has_nothing_to_report():
    events = EventBus()
    trip = Trip([], events, Alarms(events), History())
    trip.returned()
    trip._settled.set()
    assert (await trip.settled()).outcomes == ()


async def test_a_trip_pulled_in_the_same_breath_as_a_reset_drives_everything_safe_again():
    done = []

    async def stop():
        done.append("pump")

    async def never():
        await asyncio.Event().wait()

    events = EventBus()
    members = [
        Member("pump", stop, first=True),
        Member("nmr", never, first=False, vital=False),  # keeps the first sequence going
    ]
    trip = Trip(members, events, Alarms(events), History())
    task = asyncio.create_task(trip.run())
    await asyncio.sleep(0)
    trip.pull(Cause("person", "first"))
    await asyncio.sleep(3)
    assert done == ["pump"]
    trip.reset([])
    trip.pull(Cause("person", "second"))
    await asyncio.sleep(1)
    assert done == ["pump", "pump"]
    assert trip.cause == Cause("person", "second")
    assert not trip.report().safe
    task.cancel()
    await asyncio.wait([task])
