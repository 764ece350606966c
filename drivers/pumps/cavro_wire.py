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
from functools import partial
from weakref import WeakKeyDictionary

from drivers.ascii import AsciiInstrument
from drivers.bus import Bus
from drivers.errors import (
    CommandRejected,
    DeviceFault,
    GarbledReply,
    InstrumentError,
    NoReply,
    WrongInstrument,
)
from drivers.fence import Fence, StillInDoubt
from drivers.pumps.cavro_protocol import (
    FAULTS,
    FIRMWARE,
    LOST,
    NOT_INITIALISED,
    REFUSALS,
    STATUS,
    CavroOptions,
    Status,
    dt_frame,
    oem_codec,
    oem_frame,
    probe,
)
from drivers.signal import Lane, Limits
from drivers.transport.base import LineSpec

REPEAT = 0x08  # bit of the sequence number
REPEATS = 3  # times a command is sent in all
ANSWERS = {"oem": rf"0{STATUS}([ -~]*)", "dt": rf".*?/0{STATUS}([ -~]*)"}
QUERIES = {  # the data each query is answered with; commands are answered without
    "Q": "",
    "&": FIRMWARE,
    "?": r"\d{1,5}",
    "?2": r"\d{1,5}",
}
PATTERNS = {query: re.compile(data) for query, data in QUERIES.items()}


class _Shared:
    """What the pumps of a line have in common; the first counts answers that nobody awaits."""

    def __init__(self, first: object) -> None:
        self.fence, self.first = Fence(), first


_SHARED: "WeakKeyDictionary[Bus, _Shared]" = WeakKeyDictionary()


class CavroWire(AsciiInstrument):
    """A Cavro pump as far as talking to it goes."""

    Options = CavroOptions
    probes = (probe("oem"), probe("dt"))
    line = LineSpec(codec=oem_codec, baud_rate=9600)
    commands_answer = True
    fence, fence_reply = "&", rf"[@-O`-o]{FIRMWARE}"
    options: CavroOptions

    def __init__(
        self, name: str, bus: Bus, options: CavroOptions, limits: Mapping[str, Limits]
    ) -> None:
        self.options = options  # the limits go by them
        super().__init__(name, bus, options, limits)
        self._shared = _SHARED.setdefault(bus, _Shared(name))
        self._fence = self._shared.fence
        self._answer = re.compile(ANSWERS[options.framing], re.DOTALL)
        self._number = 0  # of the last request that was made
        self._last = (0, "")  # number and text of the last request that was sent

    # --- framing

    def encoded(self, text: str) -> bytes:
        """Return a new request to this pump."""
        self._number = self._number % 7 + 1
        return self._numbered(text, self._number)

    def _numbered(self, text: str, number: int) -> bytes:
        address = self.options.address
        if self.options.framing == "dt":
            return dt_frame(address, text)
        return oem_frame(address, number, text)

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
            self.matching(text, duty),
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
