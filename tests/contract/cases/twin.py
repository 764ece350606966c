"""The contract of twin pumps."""

from drivers.signal import Limits
from tests.contract.cases.case import SERIAL, Case

SYRINGE = {"diameter_mm": 26.59, "volume_ml": 60.0}

CASES = (
    Case(
        "twin-pumps",
        SERIAL,
        {
            "of": "harvard-pump11-elite",
            "first": {"syringe": SYRINGE, "address": 0},
            "second": {"syringe": SYRINGE, "address": 1},
            "refill_flow": 20.0,
        },
        {"flow": Limits(0, 5)},
    ),
)
