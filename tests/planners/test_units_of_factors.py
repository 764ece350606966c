"""Units of factors are known in the ways people write them, and no other is taken for one."""

import pytest

from planners.bayes.models.units import CONCENTRATIONS, FLOWS, TEMPERATURES, TIMES, known


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("minutes", "min"),
        ("Min", "min"),
        (" hr ", "h"),
        ("sec", "s"),
        ("days", "d"),
        ("ml/s", "mL/s"),
        ("°C", "degC"),
        ("Celsius", "degC"),
        ("kelvin", "K"),
        ("ml/min", "mL/min"),
        ("µL/min", "uL/min"),
        ("μl/h", "uL/h"),
        ("mol/l", "mol/L"),
        ("molar", "mol/L"),
    ],
)
def test_a_spelling_is_known(written, meant):
    assert known(written) == meant


@pytest.mark.parametrize("unit", sorted({*TEMPERATURES, *TIMES, *FLOWS, *CONCENTRATIONS}))
def test_the_known_ones_stay_what_they_are(unit):
    assert known(unit) == unit


@pytest.mark.parametrize("unit", ["", "m", "MM", "S", "H", "k", "%", "bar", "mol%", "rpm", "weeks"])
def test_others_are_none_of_them(unit):
    assert known(unit) not in {*TEMPERATURES, *TIMES, *FLOWS, *CONCENTRATIONS}
