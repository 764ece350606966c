"""The wire of Cavro pumps: both framings, the repeat bit, the status byte, the shared line.

Cavro XP 3000 and XLP 6000 manuals, chapters on communication; see :mod:`drivers.pumps.cavro`.

Theory of operation. An answer says neither which pump gives it nor what it answers: ``&``, whose
answer is longer than any number, is the fence, and all pumps of a line share it, because a late
answer of one could be taken for its neighbour's. They answer in order, each at once; only the
line itself is ever late. OEM requests carry a number: a command whose answer is lost is sent again
under the same number with the repeat bit, and the pump, if it has it already, does not execute it
twice. That holds only for the last request the pump has heard, so nothing may come between.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Literal
from weakref import WeakKeyDictionary

from pydantic import BaseModel, ConfigDict, Field, field_validator

from drivers.ascii import AsciiInstrument
from drivers.bus import Bus
from drivers.codec import Codec, LineCodec, OemCodec
from drivers.codec.oem import xor_checksum
from drivers.errors import (
    CommandRejected,
    DeviceFault,
    GarbledReply,
    InstrumentError,
    NoReply,
    WrongInstrument,
)
from drivers.fence import Fence, StillInDoubt
from drivers.options import SerialOptions
from drivers.signal import Lane, Limits
from drivers.transport.base import LineSpec

REPEAT = 0x08  # bit of the sequence number
REPEATS = 3  # times a command is sent in all
READY = 0x20  # bit of the status byte
STATUS = r"([@-O`-o])"  # bit 6 set, bit 4 clear
ANSWERS = {"oem": rf"0{STATUS}([ -~]*)", "dt": rf".*?/0{STATUS}([ -~]*)"}
QUERIES = {  # the data each query is answered with; commands are answered without
    "Q": "",
    "&": r"(?!\+)[ -~]{6,}",
    "?": r"\d{1,5}",
    "?2": r"\d{1,5}",
}
PATTERNS = {query: re.compile(data) for query, data in QUERIES.items()}

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


def _oem(_port: str) -> Codec:
    return OemCodec(max_frame=256)


def _dt(_port: str) -> Codec:
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
        return replace(super().line(line), codec=_oem if self.framing == "oem" else _dt)


class _Shared:
    """What the pumps of a line have in common; the first counts answers that nobody awaits."""

    def __init__(self, first: object) -> None:
        self.fence, self.first = Fence(), first


_SHARED: "WeakKeyDictionary[Bus, _Shared]" = WeakKeyDictionary()


class CavroWire(AsciiInstrument):
    """A Cavro pump as far as talking to it goes."""

    Options = CavroOptions
    line = LineSpec(codec=_oem, baud_rate=9600)
    commands_answer = True
    fence, fence_reply = "&", rf"[@-O`-o]{QUERIES['&']}"
    options: CavroOptions

    def __init__(
        self, name: str, bus: Bus, options: CavroOptions, limits: Mapping[str, Limits]
    ) -> None:
        self.options = options  # the limits go by them
        super().__init__(name, bus, options, limits)
        self._shared = _SHARED.setdefault(bus, _Shared(name))
        self._fence = self._shared.fence
        self._address = chr(ord("1") + options.address)
        self._answer = re.compile(ANSWERS[options.framing], re.DOTALL)
        self._number = 0  # of the last request that was made
        self._last = (0, "")  # number and text of the last request that was sent

    # --- framing

    def encoded(self, text: str) -> bytes:
        """Return a new request to this pump."""
        self._number = self._number % 7 + 1
        return self._numbered(text, self._number)

    def _numbered(self, text: str, number: int) -> bytes:
        if self.options.framing == "dt":
            return f"/{self._address}{text}\r".encode("ascii")
        sequence = chr(0x30 | number)
        frame = f"\x02{self._address}{sequence}{text}\x03".encode("ascii")
        return frame + bytes((xor_checksum(frame),))

    def reply_to(self, request: str, frame: bytes) -> str | None:
        """Return status character and data of an answer; a command's error is raised."""
        answer = self._answer.fullmatch(frame.decode("latin-1"))
        if answer is None or not PATTERNS.get(request, PATTERNS["Q"]).fullmatch(answer[2]):
            return None
        code = Status.of(answer[1]).code
        expected = LOST if request[:1] in "ZYW" else ()  # it is about to be cured of these
        if code and request not in QUERIES and code not in expected:
            raise self.error(code, f"{request!r} is refused: ")
        return answer[1] + answer[2]

    def error(self, code: int, what: str = "") -> InstrumentError:
        """Return the error that a code means."""
        if code == NOT_INITIALISED:
            return CommandRejected(self.name, f"{what}error 7: {self.how_to_initialise()}")
        if code in REFUSALS:
            return CommandRejected(self.name, f"{what}error {code}: {REFUSALS[code]}")
        meaning = FAULTS.get(code, "unknown")
        again = f"; {self.how_to_initialise()}" if code in LOST else ""
        return DeviceFault(self.name, f"{what}error {code}: {meaning}{again}")

    def how_to_initialise(self) -> str:
        """Return what a person has to do about a plunger of unknown position."""
        return (
            f"the plunger is not initialised; set {self.name}.initialised to true, which empties"
            " the syringe through the output"
        )

    # --- exchanges

    async def _exchange(
        self,
        text: str,
        lane: Lane,
        attempts: int,
        before: Callable[[], None] | None = None,
        *,
        duty: bool = False,
    ) -> str:
        if text == self.fence:
            before = self._send_fence
        request = self.encoded(text)
        number = self._number

        def sending() -> None:
            if before is not None:
                before()
            self._last = (number, text)

        return await self._sent(text, request, lane, sending, duty=duty, attempts=attempts)

    async def _sent(
        self,
        text: str,
        request: bytes,
        lane: Lane,
        before: Callable[[], None],
        *,
        duty: bool = False,
        attempts: int = 1,
    ) -> str:
        return await self.bus.exchange(
            self.name,
            request,
            partial(self._match, text, duty),
            lane=lane,
            timeout_s=self.options.timeout_s,
            attempts=attempts,
            before=before,
        )

    async def tell(self, text: str, *, lane: Lane = Lane.COMMAND) -> str:
        """Send a command; it is executed once, also when its answer is lost (OEM framing)."""
        try:
            return await super().tell(text, lane=lane)
        except (NoReply, GarbledReply) as lost:
            if self.options.framing == "dt":
                raise
            return await self._repeat(text, lane, lost)

    async def _repeat(self, text: str, lane: Lane, lost: InstrumentError) -> str:
        """Send the last request again as a repetition; raise ``lost`` if that does not help."""
        number, sent = self._last
        for _ in range(REPEATS - 1):
            if sent != text:  # something else has been sent since: it would be executed twice
                break
            request = self._numbered(text, number | REPEAT)
            before = partial(self._require_last, number, text)
            try:
                return await self._sent(text, request, lane, before)
            except StillInDoubt:
                break
            except (NoReply, GarbledReply, asyncio.CancelledError) as error:
                self.doubt()
                if isinstance(error, asyncio.CancelledError):
                    raise
        raise lost

    def _require_last(self, number: int, text: str) -> None:
        if self._last != (number, text):
            raise StillInDoubt

    def _hear_fence(self, frame: bytes) -> None:
        if self._shared.first == self.name:  # each answer counts once on a line
            super()._hear_fence(frame)

    async def status(self, lane: Lane = Lane.COMMAND) -> Status:
        """Return readiness and error code."""
        return Status.of(await self.ask("Q", lane=lane))

    async def number(self, query: str, lane: Lane = Lane.COMMAND) -> int:
        """Return the number that answers a query."""
        return int((await self.ask(query, lane=lane))[1:])

    async def identify(self) -> str:
        """Return the firmware's name; the question is the fence itself, and is asked once."""
        firmware = (await self._exchange("&", Lane.COMMAND, 1))[1:]
        model = self.options.model
        if model is not None and model.lower() not in firmware.lower():
            raise WrongInstrument(self.name, f"expected a {model}, found {firmware!r}")
        return f"Cavro pump, firmware {firmware}"
