"""The contract of Cavro pumps: both framings, and a pump that has been initialised."""

from drivers.signal import Limits
from tests.contract.cases.case import SERIAL, Case

SYRINGE = {"volume_ml": 10.0}

CASES = tuple(
    Case(
        "tecan-cavro",
        SERIAL,
        {"syringe": SYRINGE, "framing": framing},
        {"flow": Limits(0, 5)},
        checksum=framing == "oem",
        simulated={"initialised": True},
    )
    for framing in ("oem", "dt")
)
