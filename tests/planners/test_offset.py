"""What is said of a rig that makes something else than it is asked for."""

import pytest

from planners.base import Continuous, Observation, Problem, Response
from planners.offset import remarks_on_achieved

BATH = Problem((Continuous("temperature", 30.0, 120.0, "degC"),), (Response("yield"),))


def runs(*pairs):
    return [
        Observation({"temperature": asked}, {}, "ok", None if got is None else {"temperature": got})
        for asked, got in pairs
    ]


def test_a_bath_that_settles_below_what_is_asked_is_remarked_on():
    said = remarks_on_achieved(BATH, runs((40, 37), (60, 57.1), (80, 76.9), (95, 92), (50, None)))[
        "temperature"
    ]
    assert said.startswith(
        "temperature: comes out 3 degC below what was asked for (median of 4 runs)"
    )


@pytest.mark.parametrize(
    "pairs",
    [
        [],
        [(40, 37), (60, 57), (80, 77)],  # three are too few
        [(40, 39.5), (60, 59.4), (80, 79.5), (95, 94.6)],  # half a degree is nothing
        [(40, 37), (60, 63), (80, 76), (95, 99)],  # it scatters
        [(40, None), (60, None), (80, None), (95, None)],
        [(40, 40), (60, 60), (80, 60), (95, 60), (100, 100)],  # two odd ones
    ],
)
def test_what_comes_out_as_asked_or_scatters_is_not(pairs):
    assert remarks_on_achieved(BATH, runs(*pairs)) == {}
