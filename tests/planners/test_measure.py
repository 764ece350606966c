"""What responses count: by their units in the ways people write them, or else by their names."""

import pytest

from planners.base import Response
from planners.bayes.models.measure import ANY, CONTENT, OUTPUT, SHARE, TURNOVER, measure


@pytest.mark.parametrize(
    ("unit", "counted"),
    [
        ("kg/(m3 h)", OUTPUT),
        ("g/L/h", OUTPUT),
        ("g L^-1 h^-1", OUTPUT),
        ("mol/(L min)", OUTPUT),
        ("mmol/min", OUTPUT),
        ("g per hour", OUTPUT),
        ("kg/day", OUTPUT),
        ("mol/(mol h)", TURNOVER),
        ("1/h", TURNOVER),
        ("h-1", TURNOVER),
        ("%", SHARE),
        ("area%", SHARE),
        ("mol/mol", SHARE),
        ("mol/L", CONTENT),
        ("mM", CONTENT),
        ("g/l", CONTENT),
        ("min", ANY),
        ("g/g", ANY),
        ("bar", ANY),
        ("EUR/kg", ANY),
        ("g h", ANY),
    ],
)
def test_a_unit_tells(unit, counted):
    assert measure(Response("y", unit=unit)) == counted


@pytest.mark.parametrize(
    ("name", "counted"),
    [
        ("yield", SHARE),
        ("yield_B", SHARE),
        ("Conversion", SHARE),
        ("assayYield", SHARE),
        ("space_time_yield", OUTPUT),
        ("SpaceTimeYield", OUTPUT),
        ("sty", OUTPUT),
        ("productivity", OUTPUT),
        ("concentration_B", CONTENT),
        ("y", ANY),
        ("e_factor", ANY),
        ("retention_time", ANY),
        ("yielding", ANY),
    ],
)
def test_without_a_unit_a_name_tells(name, counted):
    assert measure(Response(name)) == counted


def test_a_unit_tells_more_than_a_name():
    assert measure(Response("yield", unit="g/h")) == OUTPUT
    assert measure(Response("yield", unit="pieces")) == ANY
