"""The contract of lauda."""

from drivers.signal import Limits
from tests.contract.cases.case import SERIAL, TCP, Case

LIMITS = {"setpoint": Limits(0, 140)}

CASES = (
    Case("lauda", SERIAL, {"watchdog_s": 0}, LIMITS),
    Case("lauda", SERIAL, {"address": 15}, LIMITS),
    Case("lauda", TCP, {"watchdog_s": 0}, LIMITS, framing="tcp"),
)
