"""A thermostat that does not heat is told from conditions that are out of its reach."""

import pytest

from daemon.experiment.approach import Approach

TIMEOUT_S = 7200.0


def approach(*temperatures, wanted=120.0, every_s=60.0):
    """Return an approach that has seen these, and the time of the last."""
    seen, t = Approach(wanted, 0.0, TIMEOUT_S), 0.0
    for t, degc in enumerate(temperatures):
        seen.look(degc, t * every_s)
    return seen, t * every_s


def test_a_bath_that_cools_instead_has_stalled_after_a_quarter_of_the_time_and_does_not_follow():
    seen, now = approach(*(80.0 - 0.5 * minute for minute in range(32)))
    assert seen.stalled(now)
    assert not seen.follows
    assert seen.told("bath", now) == (
        "bath comes no nearer to 120 degC: it shows 64.5 degC, and was as near as 80.0 degC 31 min"
        " ago (look whether it heats at all: power, fuse, over-temperature cut-out, level, pump)"
    )


def test_a_bath_at_the_end_of_its_power_has_stalled_and_does_what_it_can():
    seen, now = approach(*(min(100.0, 22.0 + 2.0 * minute) for minute in range(75)))
    assert seen.stalled(now)
    assert seen.follows
    assert seen.told("bath", now).endswith("was as near as 100.0 degC 35 min ago")


def test_a_bath_that_lost_its_heat_on_the_way_does_not_follow():
    up = [22.0 + 2.0 * minute for minute in range(40)]
    seen, now = approach(*up, *(100.0 - 0.5 * minute for minute in range(35)))
    assert seen.stalled(now)
    assert not seen.follows


def test_a_slow_bath_is_waited_for():
    seen, now = approach(*(22.0 + 0.1 * minute for minute in range(120)))
    assert not seen.stalled(now)


def test_the_last_kelvins_may_take_as_long_as_they_want():
    seen, now = approach(*[22.0, 80.0, *([116.0] * 60)])
    assert not seen.stalled(now)
    assert seen.follows


@pytest.mark.parametrize("minutes", [20, 29])
def test_a_lag_at_the_beginning_is_no_stall(minutes):
    seen, now = approach(*([22.0] * minutes))
    assert not seen.stalled(now)


def test_a_temperature_that_was_never_read_blames_no_thermostat():
    seen, now = approach()
    assert not seen.stalled(now)
    assert seen.follows


def test_a_chiller_that_does_not_cool_does_not_follow():
    seen, now = approach(*([22.0] * 40), wanted=5.0)
    assert seen.stalled(now)
    assert not seen.follows
