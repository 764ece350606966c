"""The contract of watlow."""

from drivers.signal import Limits
from tests.contract.cases.case import MODBUS_TCP, SERIAL, Case

LIMITS = {"setpoint": Limits(0, 140)}

CASES = (
    Case("watlow-ez-zone", SERIAL, {}, LIMITS, checksum=True),
    Case("watlow-ez-zone", SERIAL, {"degrees": "C", "sensor": "unchecked"}, LIMITS, checksum=True),
    Case("watlow-ez-zone", MODBUS_TCP, {}, LIMITS, framing="modbus-tcp"),
)
