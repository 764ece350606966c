"""The contract of azura."""

from drivers.signal import Limits
from tests.contract.cases.case import SERIAL, TCP, Case

CASES = (
    Case("knauer-azura-pump", TCP, {}, {"flow": Limits(0, 5)}, framing="tcp"),
    Case("knauer-azura-pump", SERIAL, {}, {"flow": Limits(0, 5)}),
)
