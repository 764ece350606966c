"""The contract of Mettler-Toledo balances."""

from tests.contract.cases.case import SERIAL, TCP, Case

CASES = (
    Case("mettler-mt-sics", SERIAL, {}, {}),
    Case("mettler-mt-sics", TCP, {}, {}, framing="tcp"),
)
