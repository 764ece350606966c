"""What is written down about Cavro pumps: codes, frames, options, probes.

Cavro XP 3000 and XLP 6000 manuals, chapters on communication; see :mod:`drivers.pumps.cavro`.
"""

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from drivers.codec import Codec, LineCodec, OemCodec
from drivers.codec.oem import xor_checksum
from drivers.options import SerialOptions
from drivers.probes import BARE, FRAMED, Probe
from drivers.transport.base import LineSpec

READY = 0x20  # bit of the status byte
STATUS = r"([@-O`-o])"  # bit 6 set, bit 4 clear
FIRMWARE = r"(?!\+)[ -~]{6,}"  # longer than any number here
NOT_INITIALISED = 7
LOST = (1, NOT_INITIALISED, 9, 10)  # where the plunger is, is not known: nothing but Z helps
REFUSALS = {
    2: "invalid command",
    3: "invalid operand",
    4: "invalid command sequence",
    11: "plunger move not allowed",
    15: "sent while it was moving",
}
FAULTS = {
    1: "initialisation failed",
    5: "fluid detection",
    6: "EEPROM failure",
    9: "plunger overload (blockage, pressure)",
    10: "valve overload",
}


@dataclass(frozen=True, slots=True)
class Status:
    """The status byte of an answer."""

    ready: bool
    code: int

    @classmethod
    def of(cls, reply: str) -> "Status":
        """Return the status that begins a reply."""
        byte = ord(reply[0])
        return cls(bool(byte & READY), byte & 0x0F)


def oem_codec(_port: str) -> Codec:
    """Return the framing with a checksum."""
    return OemCodec(max_frame=256)


def dt_codec(_port: str) -> Codec:
    """Return the framing without one."""
    return LineCodec(b"\x03\r\n", max_frame=256)


class CavroSyringe(BaseModel):
    """The syringe on the pump."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    volume_ml: Annotated[float, Field(gt=0, le=100)]  # of a full stroke


class CavroOptions(SerialOptions):
    """Options of a Cavro XCalibur, XP 3000 or XLP 6000, or a TriContinent C3000."""

    timeout_s: Annotated[float, Field(gt=0, le=60)] = 0.4
    address: Annotated[int, Field(ge=0, le=14)] = 0  # of the switch: 0 to 14 (E)
    framing: Literal["oem", "dt"] = "oem"
    syringe: CavroSyringe
    stroke: Literal[3000, 6000] = 3000  # coarse increments; 6000: XLP
    fine: bool = False  # eight times as many increments
    lowest_speed: Annotated[int, Field(ge=1, le=1000)] = 5  # half-steps/s
    highest_speed: Annotated[int, Field(ge=1001, le=12000)] = 5800
    valve: Literal["output-right", "output-left", "none"] = "output-right"
    initialise: Literal["on-command", "on-refill"] = "on-command"
    initialise_code: int = 0  # 0 full force, 1 half, 2 a third, 10 to 40 a speed
    model: str | None = None  # text that the firmware's name must hold; None: any

    @field_validator("initialise_code")
    @classmethod
    def _known_code(cls, code: int) -> int:
        if code not in (0, 1, 2, *range(10, 41)):
            raise ValueError("must be 0, 1, 2 or 10 to 40")
        return code

    def line(self, line: LineSpec) -> LineSpec:
        """Return the line with the framing chosen."""
        return replace(super().line(line), codec=oem_codec if self.framing == "oem" else dt_codec)


def oem_frame(switch: int, sequence: int, text: str) -> bytes:
    """Return a request in the OEM framing."""
    frame = f"\x02{chr(ord('1') + switch)}{chr(0x30 | sequence)}{text}\x03".encode("ascii")
    return frame + bytes((xor_checksum(frame),))


def dt_frame(switch: int, text: str) -> bytes:
    """Return a request in the DT framing."""
    return f"/{chr(ord('1') + switch)}{text}\r".encode("ascii")


def probe(framing: Literal["oem", "dt"]) -> Probe:
    """Return the probe that asks for the firmware: it sets and moves nothing."""
    end = rb"\x03." if framing == "oem" else rb"\x03\r\n"
    start = rb"\x020" if framing == "oem" else rb"/0"
    return Probe(
        (lambda switch: oem_frame(switch, 1, "&"))
        if framing == "oem"
        else (lambda switch: dt_frame(switch, "&")),
        start + STATUS.encode() + rb"(" + FIRMWARE.encode() + rb")" + end,
        "Cavro pump, firmware {1}",
        addresses=(0, 1, 2, 3),
        rates=(38400,),
        rank=FRAMED if framing == "oem" else BARE,
        options=MappingProxyType({"framing": framing}),
    )
