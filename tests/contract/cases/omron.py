"""The contract of omron."""

from drivers.signal import Limits
from tests.contract.cases.case import SERIAL, Case

LIMITS = {"setpoint": Limits(0, 140)}

CASES = (
    Case("omron-e5cc", SERIAL, {}, LIMITS, checksum=True),
    Case(
        "omron-e5cc",
        "socket://192.168.10.9:4001",
        {"address_space": "two-byte"},
        LIMITS,
        checksum=True,
        framing="tcp",
    ),
    Case("omron-e5d", SERIAL, {"decimals": 1}, LIMITS, checksum=True),
)
