"""The contract of the instruments on a Hamilton chain."""

from drivers.signal import Limits
from tests.contract.cases.case import SERIAL, Case

SYRINGE = {"volume_ml": 10.0}

CASES = (
    Case("hamilton-ml600", SERIAL, {"syringe": SYRINGE}, {"flow": Limits(0, 5)}),
    Case(
        "hamilton-ml600",
        SERIAL,
        {"syringe": SYRINGE, "address": "b", "side": "right"},
        {"flow": Limits(0, 5)},
    ),
    Case("hamilton-mvp", SERIAL, {"positions": 8}),
)
