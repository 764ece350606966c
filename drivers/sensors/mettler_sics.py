"""Mettler-Toledo balances that speak MT-SICS (reference manuals 11780711 and of the XPR, APW).

Line: RS-232 or USB serial, 9600 8N1 unless set otherwise at the balance, or TCP. Requests and
replies end CR LF; a reply is ``ID status fields``. Weights are ``S``, ``S`` (stable) or ``D``
(dynamic), ten characters of value, and a unit; ``S +`` and ``S -`` are over- and underload, ``S I``
says that there is none now. Legal-for-trade models put the last digit in brackets. ``ES``, ``ET``
and ``EL`` are errors of syntax, transmission and logic, and do not say of what.

The mass is asked for with ``SI``, which answers at once; a dynamic one is valid, and ``stable``
says that it moves. The same question ends a stream that another program has left behind. Replies
with a value of other than ten characters have lost some, and are dropped. Keys at the balance can
send lines unasked: a weight that comes so is one of now. ``I2`` is the fence, because nothing sends
it unasked; ``I4`` unasked means that the balance was switched on, and its zero is a new one.

Nothing is tared, zeroed or reset by connecting (``@`` would clear the tare).
Unverified on hardware.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, ClassVar

from pydantic import Field

from drivers.ascii import AsciiInstrument, AsciiSignal
from drivers.bus import Bus
from drivers.errors import CommandRejected, DeviceFault, GarbledReply, WrongInstrument
from drivers.options import SerialOptions
from drivers.probes import BARE, Probe
from drivers.signal import Lane, Limits
from drivers.table import MethodSignal

GRAMS = {"g": 1.0, "kg": 1e3, "mg": 1e-3, "ug": 1e-6, "t": 1e6, "lb": 453.59237, "oz": 28.349523125}
NUMBER = r"-?\d+\.?\d*(?:\[\d+\])?"
WEIGHT = re.compile(rf"S ([SD]) ( *{NUMBER}) (\S{{1,5}})")
TARE = re.compile(rf"T[AI]? [ASD] +({NUMBER}) (\S{{1,5}})")
WIDTH = 10  # of the value of a weight
NONE = "x"  # in place of "stable or not" where there is no weight
ERRORS = {"ES": "syntax error", "EL": "logical error"}
REFUSED = {
    "I": "not executable now (busy, or not stable in time)",
    "L": "wrong parameter",
    "+": "overload or beyond the range",
    "-": "underload or beyond the range",
}
SLOW = frozenset({"T", "Z"})  # wait for a stable weight


class MettlerOptions(SerialOptions):
    """Options of a balance."""

    settle_s: Annotated[float, Field(gt=0, le=120)] = 45.0  # for tare and zero: a stable weight


class MettlerBalance(AsciiInstrument):
    """A balance; ``mass`` is net of the tare."""

    Options = MettlerOptions
    send_end = b"\r\n"
    reply_end = b"\r\n"
    commands_answer = True
    probes: ClassVar = (
        Probe(b"I2\r\n", rb'I2 A "([^"\r]*)"\r\n', "Mettler-Toledo {0}", rank=BARE),
    )
    fence, fence_reply = "I2", r'I2 A ".*"'

    mass = AsciiSignal(
        float, "g", read="SI", reply=r"[01x] (\S+)", no_value=(*REFUSED, "unit"), doc="net"
    )
    stable = AsciiSignal(bool, read="SI", reply=r"([01x]) \S+", no_value=(NONE,))
    tare_mass = MethodSignal(
        float, "g", read="_read_tare", write="_write_tare", limits=(0.0, 1e5), poll_s=None
    )

    def __init__(
        self, name: str, bus: Bus, options: MettlerOptions, limits: Mapping[str, Limits]
    ) -> None:
        super().__init__(name, bus, options, limits)
        self._settle_s = options.settle_s
        self._restarted = False
        self.tare_mass.tolerance = 0.1  # the balance rounds to its readability
        bus.on_unsolicited(self._hear)

    def timeout_for(self, text: str) -> float:
        """Return the time for a reply, s: some wait for a stable weight."""
        return self._settle_s if text in SLOW else super().timeout_for(text)

    def reply_to(self, request: str, frame: bytes) -> str | None:
        """Return the reply of this request's ID; a weight as ``1 12.3`` (stable or not, g)."""
        text = super().reply_to(request, frame)
        if text is None:
            return None
        if text == "ET":
            raise GarbledReply(self.name, self.encoded(request), frame, "it received us damaged")
        if text in ERRORS:
            raise CommandRejected(self.name, f"{request!r} is refused: {text}, {ERRORS[text]}")
        name = request.split(maxsplit=1)[0]
        if name == "SI":
            return _weight(text)
        return text if text.startswith(f"{name} ") else None

    async def identify(self) -> str:
        """Return model and software; raise WrongInstrument."""
        try:
            model = await self.ask("I2", lane=Lane.COMMAND)
        except CommandRejected as error:
            what = f"no MT-SICS balance answers here ({error.what})"
            raise WrongInstrument(self.name, what) from error
        software = ""
        with suppress(CommandRejected):
            software = f", software {_quoted(await self.ask('I3', lane=Lane.COMMAND))}"
        return f"Mettler-Toledo {_quoted(model)}{software}"

    async def prepare(self) -> None:
        """End a stream that somebody may have left; neither tares nor zeroes."""
        await self.ask("SI", lane=Lane.COMMAND)
        self._restarted = False

    async def check(self) -> None:
        """Raise DeviceFault when the balance was switched on again: its zero is a new one."""
        await self.ask("SI", lane=Lane.COMMAND)
        if self._restarted:
            raise DeviceFault(
                self.name, "was switched off and on: zero and tare are new (reconnect to accept)"
            )

    async def tare(self) -> float:
        """Tare when the weight is stable; return the tare, g."""
        return self._grams(await self._act("T"))

    async def zero(self) -> None:
        """Make the weight of now zero, when it is stable."""
        await self._act("Z")

    def _hear(self, frame: bytes) -> None:
        """Take note of what the balance says when it is switched on."""
        if frame.startswith(b"I4 A "):
            self._restarted = True

    async def _act(self, text: str) -> str:
        """Send a command once; raise CommandRejected when the balance cannot do it."""
        reply = await self.tell(text)
        status = reply.split()[1]
        if status in REFUSED:
            raise CommandRejected(self.name, f"{text!r} is refused: {reply}, {REFUSED[status]}")
        return reply

    def _grams(self, reply: str) -> float:
        """Return the weight in a reply about the tare."""
        found = TARE.fullmatch(reply)
        if found is None or found[2] not in GRAMS:
            self.doubt()
            raise GarbledReply(self.name, b"", reply.encode(), "no weight that is known here")
        return _number(found[1], found[2])

    async def _read_tare(self, lane: Lane) -> float:
        return self._grams(await self.ask("TA", lane=lane))

    async def _write_tare(self, grams: float, lane: Lane) -> float:  # noqa: ARG002 -- no tare trips
        """Set the tare to a known weight; 0 clears it."""
        if grams == 0:
            await self._act("TAC")
            return 0.0
        text = f"{grams:.2f}"
        await self._act(f"TA {text} g")
        return float(text)


def _weight(text: str) -> str | None:
    """Return a weight in grams with its stability; None when the reply is none."""
    if len(text) == 3 and text.startswith("S ") and text[2] in REFUSED:
        return f"{NONE} {text[2]}"
    found = WEIGHT.fullmatch(text)
    if found is None or len(found[2]) < WIDTH:  # brackets may make it longer
        return None
    if found[3] not in GRAMS:
        return f"{NONE} unit"
    return f"{int(found[1] == 'S')} {_number(found[2], found[3])!r}"


def _number(text: str, unit: str) -> float:
    """Return a weight, g; a digit in brackets is not certified, and still the best there is."""
    return round(float(text.replace("[", "").replace("]", "")) * GRAMS[unit], 9)


def _quoted(reply: str) -> str:
    return reply.partition('"')[2].rstrip('"')
