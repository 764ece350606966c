"""The contract of ika."""

from drivers.signal import Limits
from tests.contract.cases.case import SERIAL, Case

LIMITS = {"setpoint": Limits(0, 140)}

CASES = (
    Case("ika-namur", SERIAL, {"watchdog_s": 0}, LIMITS),
    Case("ika-namur", SERIAL, {"sensor": "external"}, LIMITS),
)
