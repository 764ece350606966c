"""The contract of huber."""

from drivers.signal import Limits
from tests.contract.cases.case import SERIAL, TCP, Case

CASES = (
    Case("huber-pilot-one", TCP, {"watchdog_s": 0}, {"setpoint": Limits(0, 140)}, framing="tcp"),
    Case("huber-pilot-one", SERIAL, {"watchdog_s": 0}, {"setpoint": Limits(0, 140)}),
)
