"""The contract of Harvard pumps."""

from drivers.signal import Limits
from tests.contract.cases.case import SERIAL, Case

SYRINGE = {"diameter_mm": 26.59, "volume_ml": 60.0}

CASES = tuple(
    Case(
        "harvard-pump11-elite",
        SERIAL,
        {"syringe": SYRINGE, "address": address},
        {"flow": Limits(0, 5)},
    )
    for address in (0, 2)
)
