"""The contract of ssi."""

from drivers.signal import Limits
from tests.contract.cases.case import SERIAL, Case

LIMITS = {"flow": Limits(0, 5)}

CASES = (
    Case("ssi-nextgen-pump", SERIAL, {}, LIMITS),
    Case("ssi-nextgen-pump", SERIAL, {"digits": "x.xx"}, LIMITS),
)
