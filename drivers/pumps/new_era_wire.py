"""The wire of New Era pumps: framing in both modes, replies, alarms, finding the pump.

Manuals 1200-01 and 1200-02, chapters on communication; see :mod:`drivers.pumps.new_era`.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from math import floor
from typing import Annotated, ClassVar, cast

from pydantic import Field

from drivers.ascii import AsciiInstrument, text_of
from drivers.bus import Bus
from drivers.codec import PacketCodec, packet
from drivers.errors import (
    CommandRejected,
    DeviceFault,
    GarbledReply,
    NoReply,
    ReadbackMismatch,
    WrongInstrument,
)
from drivers.options import SerialOptions
from drivers.probes import BARE, FRAMED, Probe
from drivers.pumps.syringe import Syringe
from drivers.signal import Lane, Limits
from drivers.transport.base import LineSpec

ALARMS = {
    "R": "reset: its power was interrupted",
    "S": "motor stalled",
    "T": "no packet came in time, the pump stopped itself",
    "E": "program error",
    "O": "program phase out of range",
}
REFUSALS = {
    "?": "not recognised",
    "?NA": "not applicable now",
    "?OOR": "out of range",
    "?COM": "bad packet",
    "?IGN": "ignored, a new phase began at that moment",
}
NUMBER = r"(\d+\.?\d*|\.\d+)"
QUERIES = {  # the data each query is answered with; commands are answered without data
    "": "",
    "DIA": NUMBER,
    "DIR": "(INF|WDR|REV)",
    "DIS": rf"I{NUMBER}W{NUMBER}(UL|ML)",
    "PF": r"([01])\.?",
    "RAT": rf"{NUMBER}(UM|MM|UH|MH)",
    "SAF": r"(\d+)\.?",
    "VER": r"(\S*V\d+\.\d+\S*)",
    "VOL": rf"{NUMBER}(UL|ML)",
}
PATTERNS = {query: re.compile(data) for query, data in QUERIES.items()}
REPLY = re.compile(r"(\d\d)(?:A(\?[RSTEO])|([IWSPTUX])(\?[A-Z]*)?)(.*)", re.DOTALL)
ML_MIN = {"UM": 1e-3, "MM": 1.0, "UH": 1e-3 / 60.0, "MH": 1.0 / 60.0}
ML = {"UL": 1e-3, "ML": 1.0}
ASKED_AGAIN = 4  # requests after alarms, stops after lost answers


def four_digits(value: float, *, down: bool = False) -> str:
    """Return a number as the pump takes it: at most four digits, at most three decimals."""
    for decimals in (3, 2, 1, 0):
        scaled = value * 10**decimals
        text = f"{floor(scaled + 1e-9) / 10**decimals if down else value:.{decimals}f}"
        if len(text.replace(".", "")) <= 4:
            return text
    raise ValueError(f"{value:g} does not fit in four digits")


class NewEraOptions(SerialOptions):
    """Options of a New Era pump."""

    timeout_s: Annotated[float, Field(gt=0, le=60)] = 0.5  # it answers within some 50 ms
    address: Annotated[int, Field(ge=0, le=99)] = 0
    syringe: Syringe
    safe_mode_s: Annotated[int, Field(ge=0, le=255)] = 10  # watchdog in the pump; 0: basic mode


def _packed_question(address: int) -> bytes:
    return packet(f"{address}VER".encode())


def _bare_question(address: int) -> bytes:
    return b"%dVER\r" % address


def _recognised(address: int | str | None, heard: bytes) -> str | None:
    """Return the version; or that there is an alarm, which is answered in its place."""
    pattern = rb"\x02.?%02d(?:[IWSPTUX](NE\S*?V\d+\.\d+)|A\?[RSTEO])" % address
    found = re.search(pattern, heard, re.DOTALL)
    if found is None:
        return None
    return f"New Era {found[1].decode()}" if found[1] else "New Era pump (reported an alarm)"


class Alarm(DeviceFault):
    """An alarm came instead of the reply: the request was not executed."""

    def __init__(self, instrument: str, letter: str) -> None:
        super().__init__(instrument, f"alarm {letter}: {ALARMS[letter]}")


class NewEraWire(AsciiInstrument):
    """A New Era pump as far as talking to it goes."""

    Options = NewEraOptions
    line = LineSpec(
        codec=lambda _port: PacketCodec(max_frame=64, text_from=ord("0")),
        baud_rate=19200,
        quiet_s=0.5,  # manual: a gap of 0.5 s inside a packet ends it
    )
    commands_answer = True
    fence, fence_reply = "VER", r"[IWSPTUX]\S*V\d.*"
    tells_fence = True  # by the pattern of each query's reply
    declared_queries = tuple(query for query in QUERIES if query)
    probes: ClassVar = tuple(  # safe mode first: a pump in it takes a bare word for half a packet
        Probe(
            question,
            recognise=_recognised,
            addresses=(0, 1, 2, 3),
            over=("serial",),
            rates=(9600,),
            rank=rank,
            wait_s=0.3,
        )
        for question, rank in (
            (_packed_question, FRAMED),
            (_bare_question, BARE),
        )
    )

    def __init__(
        self, name: str, bus: Bus, options: NewEraOptions, limits: Mapping[str, Limits]
    ) -> None:
        self.syringe = options.syringe
        super().__init__(name, bus, options, limits)
        self._address, self._safe_s = options.address, options.safe_mode_s
        self._safe = options.safe_mode_s > 0  # how the pump is spoken to
        self.watching = False  # alarms are faults, not remains of the past
        self.alarm: Alarm | None = None
        self.reported = False  # the caller knows of the alarm
        bus.on_unsolicited(self._hear)

    def encoded(self, text: str) -> bytes:
        """Return a request to this pump in its framing."""
        payload = f"{self._address}{text}".encode("ascii")
        return packet(payload) if self._safe else payload + b"\r"

    def reply_to(self, request: str, frame: bytes) -> str | None:
        """Return status letter and data of this pump's reply to this request."""
        reply = REPLY.fullmatch(text_of(frame) or "")
        if reply is None or int(reply[1]) != self._address:
            return None
        if reply[2]:
            raise Alarm(self.name, reply[2][1])
        if reply[4]:
            why = REFUSALS.get(reply[4], "unknown refusal")
            raise CommandRejected(self.name, f"{request!r} was answered {reply[4]} ({why})")
        known = PATTERNS.get(request, PATTERNS[""]).fullmatch(reply[5])
        return reply[3] + reply[5] if known else None

    def _hear(self, frame: bytes) -> None:
        """Take note of an alarm that the pump sent by itself."""
        with suppress(CommandRejected):  # a late reply: answers nobody
            try:
                self.reply_to("", frame)
            except Alarm as alarm:
                self._note(alarm)

    def _note(self, alarm: Alarm) -> None:
        if self.watching:
            self.alarm, self.reported = alarm, False
        if self._safe:  # it may have come by itself, with the reply still to come
            self.doubt()

    def refuse_alarm(self) -> None:
        """Raise DeviceFault while an alarm is not dealt with."""
        if self.alarm is not None:
            self.reported = True
            raise DeviceFault(self.name, self.alarm.what)

    async def ask(self, text: str, *, lane: Lane = Lane.POLL) -> str:
        """Return status letter and data; a query answered by an alarm is asked again."""
        for _ in range(ASKED_AGAIN):
            try:
                return await super().ask(text, lane=lane)
            except Alarm as alarm:
                self._note(alarm)
        raise DeviceFault(self.name, "answers every request with an alarm")

    async def tell(self, text: str, *, lane: Lane = Lane.COMMAND) -> str:
        """Send a command once; return the status letter. An alarm means it was not executed."""
        try:
            return await super().tell(text, lane=lane)
        except Alarm as alarm:
            self._note(alarm)
            self.reported = True
            raise

    async def query(self, name: str, lane: Lane = Lane.COMMAND) -> tuple[str, re.Match[str]]:
        """Return the status letter and the data's groups."""
        text = await self.ask(name, lane=lane)
        # reply_to() lets nothing else through
        return text[0], cast("re.Match[str]", PATTERNS[name].fullmatch(text[1:]))

    async def status(self, lane: Lane = Lane.COMMAND) -> str:
        """Return the status letter."""
        return (await self.ask("", lane=lane))[0]

    async def identify(self) -> str:
        """Return model and firmware; finds the pump in either mode."""
        self.watching = False
        version = await self._find()
        if not version.startswith("NE"):
            raise WrongInstrument(self.name, f"{version!r} answers, which is no New Era pump")
        return f"New Era {version}"

    async def _find(self) -> str:
        """Return the version, asked in the configured mode, then in the other.

        No more than that: the caller tries again, and a pump that comes back while it is asked in
        the wrong mode must not wait for long.
        """
        self._safe = self._safe_s > 0
        with suppress(NoReply, GarbledReply):
            return await self._version()
        self._safe = not self._safe
        if not self._safe:  # a packet may be waiting in the pump's buffer for a CR
            with suppress(NoReply):
                await self._bare_cr()
        return await self._version()

    async def _version(self) -> str:
        """Return the version; the question is the fence itself, and is asked once."""
        for _ in range(ASKED_AGAIN):
            try:
                text = await self._exchange("VER", Lane.COMMAND, 1)
            except Alarm as alarm:
                self._note(alarm)
                continue
            return cast("re.Match[str]", PATTERNS["VER"].fullmatch(text[1:]))[1]
        raise DeviceFault(self.name, "answers every request with an alarm")

    async def _bare_cr(self) -> None:
        timeout_s = min(self.options.timeout_s, self.bus.line.quiet_s)  # only a pump that had one
        self.doubt()  # nothing says whether it will be answered, and when
        await self.bus.exchange(
            self.name, b"\r", lambda frame: frame, lane=Lane.COMMAND, timeout_s=timeout_s
        )

    async def set_mode(self) -> None:
        """Put the pump into the configured mode, with its watchdog, where it is not."""
        seconds = int((await self.query("SAF"))[1][1])
        if seconds == self._safe_s and self._safe == (self._safe_s > 0):
            return
        await self.tell(f"SAF{self._safe_s}")  # the answer comes in the new mode already
        self._safe = self._safe_s > 0
        seconds = int((await self.query("SAF"))[1][1])
        if seconds != self._safe_s:
            raise ReadbackMismatch(
                self.name, f"safe mode was set to {self._safe_s} s, reads back {seconds} s"
            )

    async def set_diameter(self, status: str) -> None:
        """Make the pump's diameter the configured one; that needs a stopped pump."""
        wanted = four_digits(self.syringe.diameter_mm)
        if self._same(wanted, (await self.query("DIA"))[1][1]):
            return
        if status != "S":
            raise DeviceFault(self.name, f"is running with a diameter other than {wanted} mm")
        await self.tell(f"DIA{wanted}")
        if not self._same(wanted, got := (await self.query("DIA"))[1][1]):
            raise ReadbackMismatch(
                self.name, f"diameter was set to {wanted} mm, reads back {got} mm"
            )

    @staticmethod
    def _same(wanted: str, got: str) -> bool:
        return abs(float(wanted) - float(got)) <= 5e-4 * float(wanted)
