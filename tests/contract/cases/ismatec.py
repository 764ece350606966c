"""The contract of ismatec."""

from drivers.signal import Limits
from tests.contract.cases.case import SERIAL, Case

LIMITS = {"flow": Limits(0, 5)}

CASES = (
    Case("ismatec-reglo-icc", SERIAL, {"channel": 2, "max_flow_ml_min": 10.0}, LIMITS),
    Case("ismatec-reglo-icc", "socket://192.168.10.9:4001", {}, LIMITS, framing="tcp"),
)
