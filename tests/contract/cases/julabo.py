"""The contract of julabo."""

from drivers.signal import Limits
from tests.contract.cases.case import SERIAL, Case

CASES = (
    Case("julabo", SERIAL, {}, {"setpoint": Limits(0, 140)}),
    Case("julabo", SERIAL, {"address": 2}, {"setpoint": Limits(0, 140)}),
)
