"""Connections: outages told once, quick returns, neighbours unharmed."""

import asyncio

import pytest

from drivers.errors import CommandRejected, DeviceFault, GarbledReply, NotConnected, WrongInstrument
from drivers.signal import Quality, Reading
from tests.daemon.rig.scripted import Bench, running

pytestmark = pytest.mark.virtual


def now():
    return asyncio.get_running_loop().time()


async def test_every_instrument_is_connected_and_polled():
    async with running(Bench()) as bench:
        assert {c["state"] for c in bench.rig.connections().values()} == {"connected"}
        assert bench.rig.latest("pump-a.pressure").value == 1.0
        assert bench.states("bath") == ["connected"]
        assert bench["pump-a"].done == []


async def test_nothing_moves_at_connect_or_reconnect():
    async with running(Bench()) as bench:
        bench["pump-a"].link.unplug()
        await asyncio.sleep(3)
        bench["pump-a"].link.refuses = False
        await asyncio.sleep(3)
        assert bench.rig.connected("pump-a")
        assert bench["pump-a"].done == []


async def test_a_lost_link_is_told_once_however_long_it_lasts(caplog):
    async with running(Bench()) as bench:
        bench["pump-a"].link.unplug()
        await asyncio.sleep(30)
        assert bench.states("pump-a") == ["connected", "reconnecting"]
        bench["pump-a"].link.refuses = False
        await asyncio.sleep(3)
        assert bench.states("pump-a") == ["connected", "reconnecting", "connected"]


async def test_an_instrument_is_back_within_two_seconds_of_its_return():
    async with running(Bench()) as bench:
        for offset in range(10):
            bench["pump-a"].silent = True
            await asyncio.sleep(20 + 0.137 * offset)
            assert not bench.rig.connected("pump-a")
            bench["pump-a"].silent = False
            await asyncio.sleep(2.0)
            assert bench.rig.connected("pump-a")


async def test_one_that_says_who_it_is_and_then_nothing_is_one_outage(caplog):
    async with running(Bench()) as bench:
        pump = bench["pump-a"]
        answers, calls = type(pump).exchange, []

        async def exchange(what, note=True):
            calls.append(what)
            pump.silent = what in {"poll", "check"}
            return await answers(pump, what, note)

        pump.exchange = exchange
        await asyncio.sleep(55)
        assert calls.count("who") > 5
        assert bench.states("pump-a") == ["connected", "reconnecting"]
        await asyncio.sleep(120)
        assert bench.states("pump-a") == ["connected", "reconnecting", "failed"]
        assert [a.name for a in bench.rig.alarms.all()] == ["pump-a connection"]
        del pump.exchange
        pump.silent = False
        await asyncio.sleep(3)
        assert bench.states("pump-a")[2:] == ["failed", "connected"]
        assert bench.rig.alarms.all() == ()


async def test_while_down_signals_have_no_value_and_commands_are_refused():
    async with running(Bench()) as bench:
        bench["bath"].link.unplug()
        await asyncio.sleep(2)
        reading = bench.rig.latest("bath.temperature")
        assert (reading.value, reading.quality, reading.reason) == (None, Quality.BAD, "link")
        with pytest.raises(NotConnected, match="reconnecting: connection refused"):
            await bench.guard.set_temperature("bath", 50.0)
        assert bench["bath"].done == []


async def test_one_missing_answer_only_raises_doubt():
    async with running(Bench()) as bench:
        pump = bench["pump-a"]
        pump.silent = True
        await asyncio.sleep(1.6)
        assert bench.rig.connections()["pump-a"]["state"] == "doubtful"
        assert bench.rig.connected("pump-a")
        assert bench.rig.latest("pump-a.pressure").reason == "timeout"
        pump.silent = False
        await asyncio.sleep(2)
        assert bench.rig.connections()["pump-a"]["state"] == "connected"
        assert bench.states("pump-a") == ["connected"]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (GarbledReply("pump-a", b"?", b"#", "no number"), "garbled"),
        (DeviceFault("pump-a", "motor stalled"), "fault"),
        (CommandRejected("pump-a", "not now"), "fault"),
    ],
)
async def test_a_failed_poll_gives_bad_readings_and_never_the_last_value(fault, reason):
    async with running(Bench()) as bench:
        bench["pump-a"].fault = fault
        await asyncio.sleep(2)
        reading = bench.rig.latest("pump-a.pressure")
        assert (reading.value, reading.reason) == (None, reason)


async def test_an_instrument_that_reports_a_fault_stays_connected():
    async with running(Bench()) as bench:
        bench["pump-a"].fault = DeviceFault("pump-a", "motor stalled")
        await asyncio.sleep(60)
        assert bench.rig.connected("pump-a")
        (alarm,) = bench.rig.alarm_documents()
        assert alarm["message"] == "pump-a: motor stalled"
        assert alarm["action"] == "hold"


async def test_an_alarm_of_the_instrument_itself_is_raised_and_cleared():
    async with running(Bench()) as bench:
        bench["nmr"].own_alarm = DeviceFault("nmr", "shim needed")
        await asyncio.sleep(11)
        assert [a["id"] for a in bench.rig.alarm_documents()] == ["nmr fault"]
        bench["nmr"].own_alarm = None
        await asyncio.sleep(11)
        assert bench.rig.alarm_documents() == []
        assert [a["action"] for a in bench.of("alarm", state="active")] == ["warn"]
        assert [a["state"] for a in bench.of("alarm")] == ["active", "cleared"]


async def test_the_wrong_instrument_fails_with_its_message():
    bench = Bench()
    bench["pump-a"].fault = WrongInstrument("pump-a", "an oven answers, not a pump")
    async with running(bench):
        connection = bench.rig.connections()["pump-a"]
        assert (connection["state"], connection["message"]) == (
            "failed",
            "an oven answers, not a pump",
        )
        assert bench.states("pump-a") == ["failed"]
        bench["pump-a"].fault = None
        await asyncio.sleep(2)
        assert bench.states("pump-a") == ["failed", "connected"]
        assert bench.rig.alarm_documents() == []


async def test_the_daemon_starts_degraded_with_a_dead_instrument():
    bench = Bench()
    bench["nmr"].link.refuses = True
    async with running(bench):
        assert not bench.rig.connected("nmr")
        assert bench.states("nmr") == ["reconnecting"]
        assert await bench.guard.set_flow("pump-a", 1.0) == 1.0
        await asyncio.sleep(70)
        assert bench.states("nmr") == ["reconnecting", "failed"]
        assert [a["id"] for a in bench.rig.alarm_documents()] == ["nmr connection"]
        bench["nmr"].link.refuses = False
        await asyncio.sleep(2)
        assert bench.rig.connected("nmr")
        assert bench.rig.alarm_documents() == []


async def test_a_hurried_reconnect_does_not_wait_for_the_pause():
    bench = Bench()
    bench["nmr"].link.refuses = True
    async with running(bench):
        bench["nmr"].link.refuses = False
        await asyncio.sleep(0)
        bench.rig.reconnect("nmr")
        await asyncio.sleep(0.05)
        assert bench.rig.connected("nmr")
        bench.rig.reconnect()


async def test_a_dead_member_of_a_shared_line_leaves_the_others_connected():
    instruments = {
        "one": {"driver": "pump", "port": "shared"},
        "two": {"driver": "pump", "port": "shared"},
    }
    bench = Bench(instruments=instruments, reactor=None)
    async with running(bench):
        bench["one"].silent = True
        await asyncio.sleep(60)
        assert not bench.rig.connected("one")
        assert bench.states("two") == ["connected"]
        assert bench["two"].link.closed == 0


async def test_a_line_on_which_nobody_answers_is_opened_afresh():
    instruments = {
        "one": {"driver": "pump", "port": "shared"},
        "two": {"driver": "pump", "port": "shared"},
    }
    bench = Bench(instruments=instruments, reactor=None)
    async with running(bench):
        bench["one"].silent = bench["two"].silent = True
        await asyncio.sleep(20)
        assert bench["one"].link.closed > 1
        bench["one"].silent = bench["two"].silent = False
        await asyncio.sleep(2)
        assert bench.rig.connected("one")
        assert bench.rig.connected("two")


async def test_connecting_is_bounded_in_time():
    bench = Bench()
    bench["nmr"].takes_s = 100.0
    async with running(bench):
        assert now() < 20
        assert bench.rig.connections()["nmr"]["message"] == "no answer within 1.1 s"


async def test_a_poll_that_never_ends_is_a_timeout():
    async with running(Bench()) as bench:
        bench["pump-a"].takes_s = 100.0
        await asyncio.sleep(6)
        assert bench.rig.latest("pump-a.flow").reason == "timeout"
        await asyncio.sleep(20)
        assert not bench.rig.connected("pump-a")


async def test_a_check_that_never_ends_raises_doubt():
    async with running(Bench()) as bench:
        bench["nmr"].takes_s = 100.0
        await asyncio.sleep(16)
        assert bench.rig.connections()["nmr"]["state"] == "doubtful"


async def test_readings_that_all_failed_are_silence():
    async with running(Bench()) as bench:

        async def poll(names):
            return [Reading(f"pump-a.{n}", None, "", now(), Quality.BAD, "timeout") for n in names]

        bench["pump-a"].poll = poll
        await asyncio.sleep(5)
        assert bench.states("pump-a")[:2] == ["connected", "reconnecting"]


async def test_a_mistake_in_a_driver_ends_the_rig_and_makes_it_safe():
    bench = Bench()
    bench["nmr"].own_alarm = ZeroDivisionError("a bug")
    with pytest.raises(ExceptionGroup) as caught:
        await bench.rig.run()
    assert caught.group_contains(ZeroDivisionError, depth=1)
    assert bench["pump-a"].done == ["safe"]
    assert bench["bath"].done == ["safe"]
    assert bench.lines.closed


async def test_another_wrong_instrument_is_told_again():
    bench = Bench()
    bench["nmr"].fault = WrongInstrument("nmr", "an oven answers")
    async with running(bench):
        bench["nmr"].fault = WrongInstrument("nmr", "a balance answers")
        await asyncio.sleep(2)
        told = [data["message"] for data in bench.of("connection", instrument="nmr")]
        assert told == ["an oven answers", "a balance answers"]


async def test_an_instrument_that_was_exchanged_is_told_until_somebody_has_seen_it():
    async with running(Bench()) as bench:
        for identity, told in (("scripted pump-a", []), ("number 2", ["pump-a exchanged"])):
            bench["pump-a"].identity = identity
            bench["pump-a"].link.unplug()
            await asyncio.sleep(3)
            bench["pump-a"].link.refuses = False
            await asyncio.sleep(3)
            assert [alarm.id for alarm in bench.rig.alarms.all()] == told
        message = bench.rig.alarms.all()[0].message
        assert message.startswith(
            "pump-a was 'scripted pump-a', and is 'number 2' since it is back"
        )
        bench.rig.alarms.acknowledge("pump-a exchanged")
        assert bench.rig.alarms.all() == ()


async def test_a_poll_without_readings_is_still_an_answer():
    async with running(Bench()) as bench:

        async def nothing(names):
            return []

        bench["nmr"].poll = bench["pump-a"].poll = nothing
        await asyncio.sleep(20)
        assert bench.states("pump-a") == ["connected"]


async def test_the_link_to_a_broker_is_not_closed_because_one_instrument_is_silent():
    bench = Bench()
    bench["nmr"].link.subscribe = lambda topic, handler: None  # which makes it one
    async with running(bench):
        bench["nmr"].silent = True
        await asyncio.sleep(30)
        assert bench.states("nmr") == ["connected", "reconnecting"]
        assert bench["nmr"].link.closed == 0
