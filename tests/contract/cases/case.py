"""One driver on one kind of line, as the contract wires it."""

from dataclasses import dataclass, field, replace
from typing import Any

from drivers.signal import Limits

SERIAL, TCP, MODBUS_TCP = (
    "/dev/ttyUSB0",
    "socket://192.168.10.9:8101",
    "modbus-tcp://192.168.10.9:502",
)


@dataclass
class Case:
    """One driver on one kind of line."""

    driver: str
    port: str
    options: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Limits] = field(default_factory=dict)
    checksum: bool = False  # the protocol notices a flipped bit
    framing: str = "serial"
    simulated: dict[str, Any] = field(default_factory=dict)  # options of the simulated instrument
    binary: bool = False  # a stream without checksum in which noise can look like a number

    def __post_init__(self):
        self.binary |= self.framing == "modbus-tcp"

    def with_options(self, **options):
        """Return this case with more options."""
        return replace(self, options={**self.options, **options})

    def __str__(self):
        return f"{self.driver} on {self.port.partition('//')[0].rstrip(':') or 'serial'}"
