"""The contract of Bronkhorst instruments."""

from drivers.signal import Limits
from tests.contract.cases.case import SERIAL, TCP, Case

ASCII = {"framing": "ascii"}

CASES = (
    Case("bronkhorst", SERIAL, {}, {"setpoint": Limits(0, 5)}),
    Case("bronkhorst", TCP, ASCII, {"setpoint": Limits(0, 5)}, framing="tcp"),
    Case("bronkhorst-modbus", SERIAL, {}, {"setpoint": Limits(0, 5)}, checksum=True),
)
