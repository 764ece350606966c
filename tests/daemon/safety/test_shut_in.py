"""A pump that delivers through a valve which stands elsewhere."""

import pytest

from daemon.safety.shut_in import LASTS_S, UNKNOWN_LASTS_S, Passage, ShutIn
from drivers.signal import Quality, Reading


class Watched:
    """One pump behind position 2 or 3 of a valve; ``causes`` are the trips that were pulled."""

    def __init__(self):
        self.causes = []
        self.shut_in = ShutIn([Passage("pump", "valve.position", (2, 3))], self.causes.append)

    def read(self, t, position, flow=0.5, reason=""):
        quality = Quality.BAD if position is None else Quality.GOOD
        group = [
            Reading("pump.flow", flow, "mL/min", t),
            Reading("bath.temperature", 60.0, "degC", t),
            Reading("valve.position", position, "", t, quality, reason),
        ]
        self.shut_in.readings(group)
        return [cause.name for cause in self.causes]


@pytest.fixture
def watched():
    return Watched()


def test_a_valve_seen_elsewhere_for_some_seconds_trips(watched):
    assert watched.read(0.0, 3) == []
    assert watched.read(1.0, 4) == []
    assert watched.read(LASTS_S, 4) == []
    assert watched.read(1.0 + LASTS_S, 4) == ["pump shut in"]
    cause = watched.causes[0]
    assert (cause.signal, cause.value) == ("valve.position", 4.0)
    assert (
        "pump delivers 0.5 mL/min through valve, which is at 4 instead of 2 or 3" in cause.message
    )


def test_a_valve_that_does_not_know_where_it_is_trips_as_well(watched):
    watched.read(0.0, None, reason="fault")
    assert watched.read(LASTS_S, None, reason="fault") == []
    assert watched.read(UNKNOWN_LASTS_S, None, reason="fault") == ["pump shut in"]
    assert "does not know where it is" in watched.causes[0].message
    assert watched.causes[0].value is None


@pytest.mark.parametrize("reason", ["link", "timeout", "stale"])
def test_a_valve_that_is_not_heard_says_nothing(watched, reason):
    watched.read(0.0, 3)
    assert watched.read(60.0, None, reason=reason) == []
    assert watched.read(61.0, 3) == []


@pytest.mark.parametrize("flow", [0.0, None])
def test_a_pump_that_stands_is_not_shut_in(watched, flow):
    watched.read(0.0, 4, flow=flow)
    assert watched.read(60.0, 4, flow=flow) == []
    assert watched.read(61.0, 4) == []  # it counts from when it runs


def test_a_rotor_on_its_way_is_given_the_time(watched):
    watched.read(0.0, 4)
    watched.read(4.0, 2)
    assert watched.read(7.0, 4) == []
