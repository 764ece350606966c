"""An instrument that is another one than before moves nothing until somebody has looked at it."""

import asyncio

import pytest

from daemon.events import EventBus
from daemon.rig.identities import RESTART, Identities
from daemon.safety.alarms import Alarms
from tests.daemon.rig.scripted import Bench, running

pytestmark = pytest.mark.virtual


@pytest.fixture
def alarms():
    return Alarms(EventBus())


async def test_a_pump_that_is_another_one_than_at_the_last_start_waits_for_a_person(alarms):
    who = Identities(alarms, {"pump-a": "number 1"}, ["pump-a"])
    who.answered("pump-a", "number 2")
    assert who.exchanged("pump-a") == (
        "was exchanged: it is 'number 2' now (look at it, then acknowledge the alarm)"
    )
    assert who.accepted == {"pump-a": "number 1"}
    alarms.acknowledge("pump-a exchanged")
    assert who.exchanged("pump-a") == ""
    assert who.accepted == {"pump-a": "number 2"}


async def test_where_nobody_can_acknowledge_the_alarm_says_what_to_do_instead(alarms):
    who = Identities(alarms, {"pump-a": "number 1"}, ["pump-a"], RESTART)
    who.answered("pump-a", "number 2")
    assert who.exchanged("pump-a").endswith(f"(look at it, then {RESTART})")
    (alarm,) = alarms.all()
    assert alarm.message.endswith(f"those of the configuration, then {RESTART}")


async def test_two_that_were_swapped_and_are_put_back_need_no_word(alarms):
    who = Identities(alarms, {}, ["pump-a"])
    for identity, other in (("number 1", False), ("number 2", True), ("number 1", False)):
        who.answered("pump-a", identity)
        assert bool(who.exchanged("pump-a")) is other


async def test_an_analyser_that_was_exchanged_is_told_and_holds_up_nothing(alarms):
    who = Identities(alarms, {"nmr": "number 1"}, ["pump-a"])
    who.answered("nmr", "number 2")
    assert who.exchanged("nmr") == ""
    assert [alarm.id for alarm in alarms.all()] == ["nmr exchanged"]


async def test_one_that_nobody_has_heard_of_is_none_that_was_exchanged(alarms):
    assert Identities(alarms, {"pump-a": "number 1"}, ["pump-a"]).exchanged("pump-a") == ""


async def test_no_experiment_starts_with_a_pump_that_was_exchanged():
    async with running(Bench()) as bench:
        await asyncio.sleep(3)
        assert bench.rig.unready("pump-a") == ""
        bench["pump-a"].identity = "number 2"
        bench["pump-a"].link.unplug()
        await asyncio.sleep(3)
        bench["pump-a"].link.refuses = False
        await asyncio.sleep(3)
        assert bench.rig.unready("pump-a").startswith("was exchanged: it is 'number 2' now")
        bench.rig.alarms.acknowledge("pump-a exchanged")
        assert bench.rig.unready("pump-a") == ""
