"""Alarm states after ISA-18.2, against a model."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from daemon.errors import BadRequest
from daemon.safety.alarms import Alarms


class Told:
    """An event bus that only writes down; alarms need no loop."""

    def __init__(self):
        self.events = []

    def emit(self, kind, /, **data):
        self.events.append((kind, data))

    @property
    def states(self):
        return [(data["state"], data["unack"], data["standing"]) for _, data in self.events]


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def alarms(told):
    return Alarms(told)


def test_a_latching_alarm_clears_when_it_has_returned_and_was_acknowledged(alarms, told):
    alarms.raise_("line", "too high")
    alarms.returned("line")
    assert len(alarms.all()) == 1
    alarms.acknowledge("line")
    assert alarms.all() == ()
    assert told.states == [("active", True, True), ("cleared", False, False)]


def test_an_acknowledged_alarm_clears_when_it_returns(alarms, told):
    alarms.raise_("line", "too high")
    alarms.acknowledge("line")
    alarms.acknowledge("line")
    alarms.returned("line")
    alarms.returned("line")
    assert [state for state, _, _ in told.states] == ["active", "acknowledged", "cleared"]


def test_an_alarm_that_does_not_latch_clears_by_itself(alarms, told):
    alarms.raise_("bath fault", "low level", latching=False)
    alarms.returned("bath fault")
    assert alarms.all() == ()
    assert told.states[-1] == ("cleared", False, False)


def test_an_alarm_raised_again_after_its_return_is_told_again(alarms, told):
    alarms.raise_("line", "too high")
    alarms.returned("line")
    alarms.raise_("line", "too high again")
    assert [state for state, _, _ in told.states] == ["active", "active"]


def test_an_alarm_that_stands_is_told_again_only_when_it_asks_for_more(alarms, told):
    alarms.raise_("line", "not read yet", action="warn")
    alarms.raise_("line", "not read yet", action="warn")
    alarms.raise_("line", "too high", action="trip", priority="high")
    assert [data["action"] for _, data in told.events] == ["warn", "trip"]


def test_acknowledging_an_unknown_alarm_names_the_known_ones(alarms):
    with pytest.raises(BadRequest, match="alarms now: none"):
        alarms.acknowledge("line")
    alarms.raise_("bath", "hot")
    with pytest.raises(BadRequest, match="alarms now: bath"):
        alarms.acknowledge("line")


class AlarmMachine(RuleBasedStateMachine):
    """One alarm against standing, acknowledged, latching."""

    @initialize(latching=st.booleans())
    def begin(self, latching):
        self.told, self.latching = Told(), latching
        self.alarms = Alarms(self.told)
        self.standing = self.shown = self.acknowledged = False

    @rule()
    def condition_comes(self):
        self.alarms.raise_("a", "x", latching=self.latching)
        if not self.standing:
            self.shown, self.acknowledged = True, False
        self.standing = True

    @rule()
    def condition_goes(self):
        self.alarms.returned("a")
        self.standing = False
        self.shown = self.shown and self.latching and not self.acknowledged

    @rule()
    def person_acknowledges(self):
        if not self.shown:
            with pytest.raises(BadRequest):
                self.alarms.acknowledge("a")
            return
        self.alarms.acknowledge("a")
        self.acknowledged = True
        self.shown = self.standing

    @invariant()
    def agrees_with_the_model(self):
        if not hasattr(self, "alarms"):
            return
        shown = {alarm.id: alarm for alarm in self.alarms.all()}
        assert bool(shown) == self.shown
        if self.shown:
            assert shown["a"].standing == self.standing
            assert shown["a"].unack == (not self.acknowledged)
            assert self.told.events[-1][1]["state"] != "cleared"
        elif self.told.events:
            assert self.told.events[-1][1]["state"] == "cleared"


TestAlarms = AlarmMachine.TestCase
TestAlarms.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)


def test_an_alarm_that_is_said_anew_stays_as_acknowledged_as_it_was(alarms, told):
    alarms.raise_("campaign held", "the disk is full", latching=False, concerns="campaign")
    alarms.acknowledge("campaign held")
    alarms.reword("campaign held", "the disk is full")
    alarms.reword("campaign held", "there is room again")
    alarms.reword("no such alarm", "nothing")
    (alarm,) = alarms.all()
    assert (alarm.state, alarm.message) == ("acknowledged", "there is room again")
    assert [data["message"] for _, data in told.events][-2:] == [
        "the disk is full",
        "there is room again",
    ]
