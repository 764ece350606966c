"""Drivers that say they never take the fence's reply for another's are believed without a look."""

import pytest

from drivers.registry import Lines, driver_class, driver_names

SYRINGE = {"diameter_mm": 26.59, "volume_ml": 60.0}
# driver: options, the frame that answers its fence, and queries beside those of its table
CASES = {
    "knauer-azura-pump": ({}, b"HEADTYPE:10", ("FLOW?", "ERRORS?", "IMOTOR?", "PMAX10?")),
    "huber-pilot-one": ({}, b"{S1B04D2", ("{M00****", "{M01****", "{M05****", "{M14****")),
    "new-era-ne1000": (
        {"syringe": SYRINGE},
        b"00SNE1000V3.924",
        ("", "RAT", "VOL", "DIS", "DIR", "DIA", "PF", "SAF", "RUN", "STP"),
    ),
}


def test_every_driver_that_says_so_is_looked_at_here():
    said = {name for name in driver_names() if getattr(driver_class(name), "tells_fence", False)}
    assert said == set(CASES)


@pytest.mark.parametrize("driver", CASES)
def test_the_reply_to_its_fence_answers_nothing_else(driver):
    options, frame, queries = CASES[driver]
    instrument = Lines().instrument("i", driver, "/dev/null", options, {})
    asked = {row.read for row in instrument.rows.values() if hasattr(row, "read")}
    assert instrument.reply_to(instrument.fence, frame) is not None
    assert [instrument.reply_to(query, frame) for query in {*queries, *asked}] == [None] * len(
        {*queries, *asked}
    )
