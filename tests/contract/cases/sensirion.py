"""The contract of Sensirion flow sensors and controllers."""

from drivers.signal import Limits
from tests.contract.cases.case import SERIAL, TCP, Case

CASES = (
    Case("sensirion-slf3s", SERIAL, {}, {}, checksum=True),
    Case("sensirion-slf3s", TCP, {"address": 3}, {}, checksum=True, framing="tcp"),
    Case("sensirion-sfx", SERIAL, {}, {"setpoint": Limits(0, 150)}, checksum=True),
)
