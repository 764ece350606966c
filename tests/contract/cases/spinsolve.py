"""The contract of spinsolve."""

from tests.contract.cases.case import TCP, Case

CASES = (Case("magritek-spinsolve", TCP, {}, {}, framing="tcp"),)
