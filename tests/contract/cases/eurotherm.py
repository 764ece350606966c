"""The contract of eurotherm."""

from drivers.signal import Limits
from tests.contract.cases.case import MODBUS_TCP, SERIAL, Case

CASES = (
    Case("eurotherm-3216", SERIAL, {}, {"setpoint": Limits(0, 140)}, checksum=True),
    Case("eurotherm-epc3000", SERIAL, {}, {"setpoint": Limits(0, 140)}, checksum=True),
    Case("eurotherm-epc3000", MODBUS_TCP, {}, {"setpoint": Limits(0, 140)}, framing="modbus-tcp"),
)
