"""What responses count: by their units in the ways people write them, or else by their names."""

from math import inf

import numpy as np
import pytest

from planners.base import Response
from planners.measure import ANY, CONTENT, OUTPUT, SHARE, TURNOVER, limits, measure


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
        ("Ausbeute", SHARE),
        ("Rohausbeute", SHARE),
        ("Ausbeute_B", SHARE),
        ("Selektivität", SHARE),
        ("Raum-Zeit-Ausbeute", OUTPUT),
        ("Raumzeitausbeute", OUTPUT),
        ("Rendement", SHARE),
        ("sélectivité (B)", SHARE),
        ("se\u0301lectivite\u0301", SHARE),
        ("rendement espace-temps", OUTPUT),
        ("rendimiento", SHARE),
        ("rendimiento espacio-temporal", OUTPUT),
        ("conversión", SHARE),
        ("収率", SHARE),
        ("生成物収率", SHARE),
        ("時空収率", OUTPUT),
        ("收率", SHARE),
        ("时空收率", OUTPUT),
        ("выход", SHARE),
        ("収量", ANY),  # of a substance, in grams
        ("Umsatzzahl", ANY),
        ("Viskosität", ANY),
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


@pytest.mark.parametrize(
    ("name", "unit", "values", "between"),
    [
        ("yield", "%", [0.2, 0.6], (0.0, 100.0)),
        ("y", "area%", [3.0, 104.0], (0.0, 100.0)),
        ("y", "mol/mol", [0.2, 1.03], (0.0, 1.0)),
        ("yield", "", [-2.0, 60.0], (0.0, 100.0)),
        ("yield", "", [0.2, 0.9], (-inf, inf)),
        ("Ausbeute", "", [-2.0, 60.0], (0.0, 100.0)),
        ("収率", "", [0.2, 0.9], (-inf, inf)),
        ("rendement", "", [12.0, 240.0], (-inf, inf)),
        ("recovery", "%", [3.0, 131.0], (-inf, inf)),
        ("ee", "%", [-30.0, 60.0], (-inf, inf)),
        ("output", "g/h", [3.0, 60.0], (-inf, inf)),
    ],
    ids=str,
)
def test_a_share_lies_between_nothing_and_all_unless_it_was_measured_outside(
    name, unit, values, between
):
    assert limits(Response(name, unit=unit), np.array(values)) == between
