"""The contract of keller."""

from tests.contract.cases.case import SERIAL, Case

CASES = (Case("keller-x-line", SERIAL, {}, {}, checksum=True),)
