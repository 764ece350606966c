"""The contract of mqtt analyser."""

from tests.contract.cases.case import Case

CASES = (Case("mqtt-analyser", "lab/nmr", {"topic": "lab/nmr"}, {}, framing="mqtt"),)
