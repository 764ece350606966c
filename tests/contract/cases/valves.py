"""The contract of the valves."""

from tests.contract.cases.case import SERIAL, TCP, Case

CASES = (
    Case("knauer-valve", TCP, {"positions": 6}, framing="tcp"),
    Case("knauer-valve", SERIAL, {"positions": 2}),
    Case("vici-actuator", SERIAL, {"positions": 10}),
    Case("vici-actuator", SERIAL, {"positions": 2, "address": "Z"}),
    Case("vici-microelectric", SERIAL, {"positions": 6}),
)
