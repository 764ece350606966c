"""Knauer valve drives (AZURA V 2.1S, S-series): known from one implementation only.

Line: TCP port 10001, or RS-232 9600 8N1. One line of text and CR LF each way. ``T`` asks for the
type (``VALVE LI``, ``VALVE 6``, …), ``P`` for the position (``L``, ``I``, or a number); a position
alone turns there and is acknowledged by anything but ``?`` and an error. LI is a valve of two
positions, load (1) and inject (2). What the sheet is unsure of is taken as it comes: the spelling
of the acknowledgement, whether it comes before or after the turn (``timeout_s``), blanks.

Oddities: ``?`` means not understood, or busy, and often answers the first ``P``: queries are asked
again, moves are not. Replies do not say what they answer: ``T`` is the fence.
Unverified on hardware.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from drivers.bus import Bus
from drivers.errors import CommandRejected, DeviceFault, GarbledReply, WrongInstrument
from drivers.signal import Lane, Limits
from drivers.valves.turning import MOST, TextValve, ValveOptions

LOAD_INJECT = "LI"
TYPE = re.compile(r"VALVE\s*(LI|\d{1,2})")
POSITION = re.compile(r"[LI]|\d{1,2}")
ERRORS = {
    "E0": "refused to switch",
    "E1": "motor current too high (worn seal?)",
    "E2": "the change took too long",
    "E3": "DIP switches 3 and 4 are wrong",
    "E4": "home position not recognised",
    "E5": "DIP switches 1 and 2 are wrong",
    "E6": "memory error: switch it off and on",
}
ASKED, PAUSE_S = 4, 0.2  # a busy valve is asked so often, with such pauses


class Busy(CommandRejected):
    """The valve answered ``?``: not understood, or busy."""


class KnauerValveOptions(ValveOptions):
    """Options of a Knauer valve drive."""

    timeout_s: Annotated[float, Field(gt=0, le=60)] = 2.0  # a turn may be acknowledged at its end


class KnauerValve(TextValve):
    """Valve drive; fills the ``Valve`` role."""

    Options = KnauerValveOptions
    send_end = b"\r\n"
    commands_answer = True
    declared_queries = ("T", "P")
    fence, fence_reply = "T", TYPE.pattern

    def __init__(
        self, name: str, bus: Bus, options: KnauerValveOptions, limits: Mapping[str, Limits]
    ) -> None:
        super().__init__(name, bus, options, limits)
        self._letters: bool | None = None  # whether positions are L and I; None: not known
        self._fault = ""  # what the last turn ended in

    def reply_to(self, request: str, frame: bytes) -> str | None:
        """Return the reply's text where it has the form of one to this request."""
        text = (super().reply_to(request, frame) or "").upper()
        if text == "?":
            raise Busy(self.name, f"{request!r} was answered '?' (not understood, or busy)")
        if re.fullmatch(r"E\d+", text):
            what = f"error {text}: {ERRORS.get(text, 'not in the list')}"
            raise DeviceFault(self.name, what)
        forms = {"T": TYPE, "P": POSITION}
        if request in forms:
            return text if forms[request].fullmatch(text) else None
        return text if text and not TYPE.fullmatch(text) else None

    async def ask(self, text: str, *, lane: Lane = Lane.POLL) -> str:
        """Return the reply to a query; a busy valve is asked again, after a pause."""
        for _ in range(ASKED - 1):
            try:
                return await super().ask(text, lane=lane)
            except Busy:
                await asyncio.sleep(PAUSE_S)
        return await super().ask(text, lane=lane)

    # --- life

    async def identify(self) -> str:
        """Return the type; raise WrongInstrument when there is none."""
        try:
            return f"Knauer {await self.ask('T', lane=Lane.COMMAND)}"
        except (CommandRejected, GarbledReply) as error:
            raise WrongInstrument(self.name, f"tells no valve type ({error.what})") from None

    async def prepare(self) -> None:
        """Ask for the type, which tells the positions."""
        found = TYPE.fullmatch(await self.ask("T", lane=Lane.COMMAND))
        kind = found[1] if found else LOAD_INJECT  # ask() lets nothing else through
        self._letters, self._fault = kind == LOAD_INJECT, ""
        self.found(len(LOAD_INJECT) if self._letters else min(int(kind), MOST))

    async def check(self) -> None:
        """Raise DeviceFault after a turn that ended in an error, until another one succeeds."""
        await super().check()
        if self._fault:
            raise DeviceFault(self.name, self._fault)

    # --- turning

    async def where(self, lane: Lane) -> int:
        """Ask for the position."""
        text = await self.ask("P", lane=lane)
        at = LOAD_INJECT.index(text) + 1 if text in LOAD_INJECT else int(text)
        if at < 1:
            raise GarbledReply(self.name, b"P", text.encode(), "no position")
        return at

    async def command(self, position: int, lane: Lane) -> None:
        """Turn, once; what it answers is no proof of arrival."""
        if self._letters is None:
            raise CommandRejected(self.name, "has not said yet how it names its positions")
        goal = LOAD_INJECT[position - 1] if self._letters else str(position)
        self._fault = ""
        try:
            await self.tell(goal, lane=lane)
        except DeviceFault as fault:
            self._fault = fault.what
            raise

    async def until_there(self, position: int, lane: Lane) -> None:
        """Wait for the rotor; what it says of it while it turns is asked again."""
        try:
            await super().until_there(position, lane)
        except DeviceFault as fault:
            self._fault = fault.what
            raise
