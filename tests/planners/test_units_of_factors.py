"""What factors are: units in the ways people write them, or what a name says without one."""

import pytest

from planners.factors.spelling import CONCENTRATIONS, FLOWS, TEMPERATURES, TIMES, known
from planners.factors.units import meant


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


@pytest.mark.parametrize(
    ("name", "low", "high", "unit"),
    [
        ("temperature", 30.0, 120.0, "degC"),
        ("Temperature_C", -40.0, 20.0, "degC"),
        ("bathTemp", 20.0, 60.0, "degC"),
        ("T", 30.0, 120.0, "degC"),
        ("temperature", 293.0, 393.0, "K"),
        ("residence_time", 1.0, 10.0, "min"),
        ("residence", 1.0, 10.0, "min"),
        ("tau", 0.5, 2.0, "min"),
        ("time_at_temperature", 1.0, 90.0, "degC"),  # the last word that says anything
        ("flow_a", 0.1, 2.0, "mL/min"),
        ("FlowRate", 0.1, 2.0, "mL/min"),
        ("conc_acid", 0.1, 0.5, "mol/L"),
    ],
)
def test_a_name_tells_where_no_unit_does(name, low, high, unit):
    assert meant(name, "", low, high) == unit


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("temperature", 0.0, 1.0),  # a scale of somebody's own
        ("flow_ratio", 0.2, 5.0),
        ("t", 1.0, 6.0),
        ("template", 1.0, 60.0),
        ("overflow", 1.0, 6.0),
        ("equivalents", 1.0, 3.0),
        ("x1", 0.0, 100.0),
    ],
)
def test_other_names_tell_nothing(name, low, high):
    assert meant(name, "", low, high) == ""


def test_a_unit_counts_more_than_a_name():
    assert meant("temperature", "minutes", 1.0, 10.0) == "min"
    assert meant("residence_time", "weeks", 1.0, 10.0) == "weeks"
