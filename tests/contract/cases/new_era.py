"""The contract of new era."""

from drivers.signal import Limits
from tests.contract.cases.case import SERIAL, Case

SYRINGE = {"diameter_mm": 26.59, "volume_ml": 60.0}

CASES = (
    Case(
        "new-era-ne1000",
        SERIAL,
        {"syringe": SYRINGE, "safe_mode_s": 60},
        {"flow": Limits(0, 5)},
        checksum=True,
    ),
)
