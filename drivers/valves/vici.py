"""VICI Valco actuators, universal (EUH, EUD, EUT) and microelectric (universal actuator manual).

Line: RS-232, USB or two-wire RS-485, 9600 8N1. Requests are ``[/id]`` command value CR; an id is
one character, always there on RS-485 (option ``address``); microelectric actuators take it without
the slash. Replies repeat the command's letters, then the value; with an id they may begin with it,
and once they have, they must. Some write `` = `` in between, and microelectric ones ``Position is
= 5``. Lines end CR or CR LF. Modes: two positions with stops (AM1) or without (AM2), which are A
(1) and B (2); multiposition (AM3).

Oddities: what a move is answered, and when, is a setting and differs by firmware: nothing, an echo,
the position, several lines. So moves are sent and not listened to; after each, and once more when
the rotor is there, the mode is asked first (the fence): whatever the move had to say is past then.
A stalled rotor shows only in ``CP``, which goes on telling the old position. ``STAT`` and ``/?``
answer without an end and are not used. Unverified on hardware.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from drivers.ascii import AsciiSignal
from drivers.bus import Bus
from drivers.errors import CommandRejected, GarbledReply, WrongInstrument
from drivers.probes import BARE, Probe
from drivers.signal import Lane, Limits
from drivers.valves.turning import TextValve, ValveOptions

REPLY = re.compile(r"(?:/?([0-9A-Z]))?(CP|AM|NP|CNT|TM|POSITION IS)\s*=?\s*\"?'?([0-9A-Z]+)'?\"?")
REFUSAL = re.compile(r".*\b(BAD ?COMMAND|ERROR|INVALID)\b.*")
MULTIPOSITION = 3
TWO = "AB"  # the positions of a two-position actuator, in order


def _text(value: Any) -> Any:
    return str(value).upper() if isinstance(value, int | str) else value


class ViciOptions(ValveOptions):
    """Options of a VICI actuator."""

    address: Annotated[
        str | None, BeforeValidator(_text), Field(pattern=r"^[0-9A-Z]$", validate_default=False)
    ] = None


class ViciValve(TextValve):
    """What both kinds have in common."""

    Options = ViciOptions
    reply_end = b"\r"
    declared_queries = ("CP", "NP", "AM", "CNT", "TM")
    id_mark: ClassVar[str]  # before the id
    model: ClassVar[str]

    def __init__(
        self, name: str, bus: Bus, options: ViciOptions, limits: Mapping[str, Limits]
    ) -> None:
        super().__init__(name, bus, options, limits)
        self._id = options.address
        self._says_id = False  # replies have carried the id: those without are another's
        self._mode: int | None = None  # not known
        self._complaint = ""
        bus.on_unsolicited(self._hear)

    def encoded(self, text: str) -> bytes:
        """Return a request to this actuator."""
        prefix = "" if self._id is None else self.id_mark + self._id
        return f"{prefix}{text}\r".encode("ascii")

    def reply_to(self, request: str, frame: bytes) -> str | None:
        """Return letters and value of the reply to this request, without id and decoration."""
        text = (super().reply_to(request, frame) or "").upper()
        if REFUSAL.fullmatch(text):
            raise CommandRejected(self.name, f"{request!r} was answered {text!r}")
        reply = REPLY.fullmatch(text)
        if reply is None or not self._is_ours(reply[1]):
            return None
        letters = "CP" if reply[2] == "POSITION IS" else reply[2]
        return letters + reply[3] if letters == request else None

    def _is_ours(self, said: str | None) -> bool:
        if said is None:
            return not self._says_id
        if said == self._id:
            self._says_id = True
        return said == self._id

    def _hear(self, frame: bytes) -> None:
        """Keep a refusal for the message: moves are not listened to."""
        text = super().reply_to("", frame) or ""
        if REFUSAL.fullmatch(text.upper()):
            self._complaint = f" (and answered {text!r})"

    def complaint(self) -> str:
        """Return what it answered to the last move, where that was a refusal."""
        return self._complaint

    # --- life

    async def identify(self) -> str:
        """Return the mode; raise WrongInstrument when it tells none."""
        self._says_id = False
        try:
            known = await self.ask(self.fence or "", lane=Lane.COMMAND)
        except (CommandRejected, GarbledReply) as error:
            raise WrongInstrument(self.name, f"is no {self.model} ({error.what})") from None
        return f"{self.model}, {known}"

    async def prepare(self) -> None:
        """Ask for the mode and the number of positions."""
        self._mode = await self.ask_mode()
        self.found(await self._count() if self._mode == MULTIPOSITION else len(TWO))

    async def ask_mode(self) -> int:
        """Ask for the mode."""
        return int((await self.ask("AM", lane=Lane.COMMAND))[2:])

    async def _count(self) -> int:
        digits = (await self.ask("NP", lane=Lane.COMMAND))[2:]
        if not digits.isdecimal() or int(digits) < 2:
            raise GarbledReply(self.name, b"NP", digits.encode(), "no number of positions")
        return int(digits)

    # --- turning

    async def where(self, lane: Lane) -> int:
        """Ask for the position."""
        text = (await self.ask("CP", lane=lane))[2:]
        if text in TWO:
            return TWO.index(text) + 1
        if text.isdecimal() and int(text) >= 1:
            return int(text)
        self.doubt()
        raise GarbledReply(self.name, b"CP", text.encode(), "no position")

    async def command(self, position: int, lane: Lane) -> None:
        """Turn, without listening: an answer may come or not, now or later."""
        if self._mode is None:
            raise CommandRejected(self.name, "has not said yet how it names its positions")
        goal = str(position) if self._mode == MULTIPOSITION else TWO[position - 1]
        self._complaint = ""
        try:
            await self.tell(f"GO{goal}", lane=lane)
        finally:
            self.doubt()

    async def until_there(self, position: int, lane: Lane) -> None:
        """Wait for the rotor, then doubt: the move's answer may have come for the position's."""
        await super().until_there(position, lane)
        self.doubt()


class ViciActuator(ViciValve):
    """Universal actuator of a selector or injection valve; fills the ``Valve`` role."""

    fence, fence_reply = "AM", r"AM[123]"
    probes: ClassVar = (  # an id, where there is one, is Z from the factory
        Probe(b"AM\r", rb"^AM( = )?([123])\r", "VICI actuator, mode {1}", rank=BARE),
        Probe(
            lambda letter: f"/{letter}AM\r".encode(),
            rb"AM( = )?([123])\r",
            "VICI actuator, mode {1}",
            addresses=("Z",),
        ),
    )
    id_mark = "/"
    model = "VICI actuator"

    cycles = AsciiSignal(int, read="CNT", reply=r"CNT(\d+)", poll_s=60.0, doc="turns so far")


class ViciMicroelectric(ViciValve):
    """Microelectric multiposition selector; fills the ``Valve`` role.

    Its id goes without the slash, and it is asked for its positions where others tell their mode.
    """

    fence, fence_reply = "NP", r"NP\d+"
    probes: ClassVar = (
        Probe(b"NP\r", rb"^NP = (\d+)\r", "VICI microelectric selector, {} positions", rank=BARE),
    )
    id_mark = ""
    model = "VICI microelectric selector"

    async def ask_mode(self) -> int:
        """Return the only mode."""
        return MULTIPOSITION
