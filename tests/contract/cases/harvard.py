"""The contract of Harvard pumps."""

from drivers.signal import Limits
from tests.contract.cases.case import SERIAL, Case

SYRINGE = {"diameter_mm": 26.59, "volume_ml": 60.0}

CASES = tuple(
    Case(
        "harvard-pump11-elite",
        SERIAL,
        {"syringe": SYRINGE, "address": address, "zero_prefix": told},
        {"flow": Limits(0, 5)},
    )
    for address, told in ((0, False), (2, False), (0, True))
)
