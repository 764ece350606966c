"""Commands are done once, in order, and recorded before they act."""

import asyncio

import pytest

from daemon.api import dispatch
from tests.daemon.api.helpers import Desk

pytestmark = pytest.mark.virtual


@pytest.fixture
async def desk():
    made = Desk()
    await asyncio.sleep(0)
    yield made
    await made.close()


SET = {"id": "a", "signal": "bath.setpoint", "value": 80.0}


async def test_a_command_is_recorded_before_it_is_done_and_after(desk):
    reply = await desk.ask("set", SET)
    assert reply == {"id": "a", "ok": True, "result": {"value": 80.0}}
    first, second = [event.data for event in desk.events]
    assert first == {
        "id": "a", "origin": "mqtt", "verb": "set",
        "arguments": {"signal": "bath.setpoint", "value": 80.0}, "outcome": "accepted",
    }  # fmt: skip
    assert (second["outcome"], second["reply"]) == ("done", reply)
    assert [event.data["outcome"] for event in desk.committed] == ["accepted"]


async def test_a_question_is_not_recorded(desk):
    assert (await desk.ask("ping", {"id": "a"}))["ok"]
    assert desk.events == []


@pytest.mark.parametrize(
    ("signal", "code", "says"),
    [
        ("pump.flow", "out-of-range", "[0, 5] mL/min"),
        ("no.signal", "unknown-signal", "no.signal"),
        ("pump.dead", "timeout", "no reply"),
        ("pump.slow", "timeout", "took too long"),
        ("pump.bug", "fault", "ZeroDivisionError"),
    ],
)
async def test_a_fault_is_answered_by_its_code_and_ends_nothing(desk, signal, code, says):
    reply = await desk.ask("set", {"id": "a", "signal": signal, "value": 9})
    assert (reply["ok"], reply["error"]["code"]) == (False, code)
    assert says in reply["error"]["message"]
    assert desk.events[-1].data["outcome"] == code
    assert (await desk.ask("set", SET | {"id": "b"}))["ok"]


async def test_the_same_id_twice_is_done_once_and_answered_twice(desk):
    first = await desk.ask("set", SET)
    second = await desk.ask("set", SET)
    assert first == second
    assert desk.commands.done == [("set", 80.0)]


async def test_the_same_id_while_the_first_is_under_way_waits_for_its_answer(desk):
    desk.commands.gate = asyncio.Event()
    replies = [desk.send("campaign.start", {"id": "a"}) for _ in range(3)]
    await asyncio.sleep(1)
    assert not any(reply.done() for reply in replies)
    desk.commands.gate.set()
    assert len({id(await reply) for reply in replies}) == 1
    assert len(desk.commands.done) == 1


async def test_an_id_of_another_command_is_a_bad_request(desk):
    await desk.ask("set", SET)
    reply = await desk.ask("set", SET | {"value": 90.0})
    assert reply["error"]["code"] == "bad-request"
    assert "used for another command" in reply["error"]["message"]
    assert desk.commands.done == [("set", 80.0)]


async def test_a_trip_under_a_used_id_trips_all_the_same(desk):
    await desk.ask("set", SET)
    assert (await desk.ask("trip", {"id": "a"}))["ok"]
    assert desk.commands.done[-1][0] == "trip"
    assert (await desk.ask("trip", {"id": "a"}))["ok"]
    assert [name for name, _ in desk.commands.done].count("trip") == 1


async def test_a_duplicate_is_known_after_a_restart():
    reply = {"id": "a", "ok": True, "result": {"value": 80.0}}
    rows = [
        {
            "id": "a",
            "verb": "set",
            "arguments": {"signal": "bath.setpoint", "value": 80.0},
            "reply": reply,
        },
        {"id": "b", "verb": "campaign.start", "arguments": {}, "reply": None},
    ]
    desk = Desk(rows)
    try:
        assert await desk.ask("set", SET) == reply
        cut = await desk.ask("campaign.start", {"id": "b"})
        assert cut["error"]["code"] == "fault"
        assert "unknown" in cut["error"]["message"]
        assert desk.commands.done == []
    finally:
        await desk.close()


async def test_commands_that_act_are_done_one_by_one_in_order(desk):
    desk.commands.gate = asyncio.Event()
    replies = [desk.send("reconnect", {"id": f"{i}", "instrument": f"i{i}"}) for i in range(20)]
    await asyncio.sleep(1)
    desk.commands.gate.set()
    for reply in replies:
        await reply
    assert [given["instrument"] for _, given in desk.commands.done] == [f"i{i}" for i in range(20)]


async def test_a_trip_and_a_ping_overtake_a_command_that_hangs(desk):
    desk.commands.gate = asyncio.Event()
    hanging = desk.send("reconnect", {"id": "a"})
    assert (await desk.ask("ping", {"id": "b"}))["ok"]
    trip = desk.send("trip", {"id": "c"})
    await asyncio.sleep(1)
    desk.commands.gate.set()
    assert (await trip)["ok"]
    assert (await hanging)["ok"]
    assert [event.data["verb"] for event in desk.events][:2] == ["reconnect", "trip"]


async def test_without_a_record_nothing_is_done_but_what_is_safe(desk):
    desk.failing = True
    reply = await desk.ask("set", SET)
    assert reply["error"]["code"] == "fault"
    assert "nothing was done: disk: full" in reply["error"]["message"]
    assert desk.commands.done == []
    assert (await desk.ask("trip", {"id": "t"}))["ok"]
    assert (await desk.ask("campaign.hold", {"id": "h"}))["ok"]
    desk.failing = False
    assert (await desk.ask("set", SET))["ok"]  # it was not done: the id may be tried again


async def test_too_many_waiting_commands_are_refused_but_never_a_trip(desk, monkeypatch):
    monkeypatch.setattr(dispatch, "MAX_WAITING", 5)
    desk.commands.gate = asyncio.Event()
    waiting = [desk.send("reconnect", {"id": f"{i}"}) for i in range(5)]
    refused = await desk.ask("reconnect", {"id": "x"})
    assert refused["error"]["code"] == "refused"
    trip = desk.send("trip", {"id": "t"})
    desk.commands.gate.set()
    assert (await trip)["ok"]
    for reply in waiting:
        assert (await reply)["ok"]
    assert (await desk.ask("reconnect", {"id": "x"}))["ok"]


async def test_a_command_that_expires_while_it_waits_is_not_done(desk):
    desk.commands.gate = asyncio.Event()
    first = desk.send("reconnect", {"id": "a"})
    late = desk.send("campaign.start", {"id": "b"}, expires_s=5)
    await asyncio.sleep(6)
    desk.commands.gate.set()
    await first
    assert (await late)["error"]["code"] == "refused"
    assert [name for name, _ in desk.commands.done] == ["reconnect"]


async def test_remembered_answers_are_bounded(desk, monkeypatch):
    monkeypatch.setattr(dispatch, "MAX_REMEMBERED", 10)
    for i in range(50):
        await desk.ask("ping", {"id": f"{i}"})
    assert len(desk.dispatcher._entries) == 10
    desk.commands.gate = asyncio.Event()
    waiting = [desk.send("reconnect", {"id": f"w{i}"}) for i in range(12)]
    await asyncio.sleep(0)
    assert len(desk.dispatcher._entries) >= 12  # nothing that is under way is forgotten
    desk.commands.gate.set()
    for reply in waiting:
        await reply


async def test_commands_that_come_before_the_start_are_done_at_the_start():
    desk = Desk()
    reply = desk.send("ping", {"id": "a"})
    assert (await reply)["ok"]
    await desk.close()


async def test_questions_push_no_command_out_of_what_is_remembered(desk, monkeypatch):
    monkeypatch.setattr(dispatch, "MAX_QUESTIONS", 3)
    monkeypatch.setattr(dispatch, "MAX_REMEMBERED", 5)
    first = await desk.ask("set", SET)
    for n in range(20):
        assert (await desk.ask("ping", {"id": f"p{n}"}))["ok"]
    done = list(desk.commands.done)
    assert await desk.ask("set", SET) == first
    assert desk.commands.done == done
