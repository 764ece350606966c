"""The wire of Harvard pumps: prompts, several lines, addresses, units, the session.

Pump 11 Elite manual 5420-002 Rev C, chapter on commands; see :mod:`drivers.pumps.harvard`.

Theory of operation. A reply is lines ``LF [aa:]text CR`` and a prompt ``LF [aa]prompt`` that no
terminator follows: ``LF 12:`` may be a whole reply, or the beginning of a line. In poll mode an XON
follows each prompt, and no prompt comes unasked; so the driver puts the pump into poll mode and
takes a reply to end at its XON. Replies do not say what they answer: ``irate lim``, whose reply is
two rates, is the fence.
"""

import asyncio
import re
from dataclasses import dataclass
from math import floor, log10
from typing import Annotated, cast

from pydantic import Field

from drivers.ascii import AsciiInstrument
from drivers.codec import LineCodec
from drivers.errors import CommandRejected, GarbledReply, NoReply, WrongInstrument
from drivers.options import SerialOptions
from drivers.probes import BARE, Probe
from drivers.pumps.syringe import Syringe
from drivers.signal import Lane
from drivers.transport.base import LineSpec

XON = b"\x11"
DIGITS = 5  # of a number in a request
SESSION_S = 0.05  # between opening the session and the first question

NUMBER = r"([-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)"
RATE = rf"{NUMBER} ([munp])l/(s|sec|m|min|h|hr)"
VOLUME = rf"{NUMBER} ([munp])l"
_BARE_RATE = r"\d+(?:\.\d*)? [munp]l/(?:s|sec|m|min|h|hr)"  # without groups
LITRE = {"m": 1.0, "u": 1e-3, "n": 1e-6, "p": 1e-9}  # mL
PER_MIN = {"s": 60.0, "m": 1.0, "h": 1.0 / 60.0}  # by the first letter of the time
FL_S = 60e-12  # mL/min
QUERIES = {  # the one line each query is answered with; commands are answered without
    "": "",
    "diameter": rf"{NUMBER}(?: mm)?",
    "force": r"(\d+) ?%?",
    "irate": RATE,
    "irate lim": f"{RATE} to {RATE}",
    "ivolume": VOLUME,
    "status": r"(-?\d+) (-?\d+) (-?\d+) ([IWiw])([.IWiw])([.Ss])([.Tt])([.IWiw])([.Tt])",
    "tvolume": rf"Target volume not set|{VOLUME}",
    "ver": r"(.*[A-Za-z].*)",
    "wrate": RATE,
    "wvolume": VOLUME,
}
PATTERNS = {query: re.compile(line) for query, line in QUERIES.items()}
PROMPTS = r":|>|<|\*|T\*"
REPLY = re.compile(rf".*?((?:\n[^\r\n]*\r)*)\n(\d\d)?({PROMPTS})", re.DOTALL)


def significant(value: float, *, down: bool = False) -> str:
    """Return a number above 0 in five digits, without an exponent."""
    decimals = max(0, DIGITS - 1 - floor(log10(value)))
    if down:
        scale = 10.0**decimals
        value = floor(value * scale + 1e-6) / scale
    return f"{value:.{decimals}f}"


def rate_ml_min(number: str, litre: str, time: str) -> float:
    """Return a flow that the pump has spelled in a unit of its own choice."""
    return float(number) * LITRE[litre] * PER_MIN[time[0]]


@dataclass(frozen=True, slots=True)
class State:
    """What the pump does: its prompt, and its ``status`` line."""

    prompt: str
    flow_ml_min: float
    stalled: bool

    @property
    def infusing(self) -> bool:
        """Return whether it delivers."""
        return self.prompt == ">"

    @property
    def moving(self) -> bool:
        """Return whether the motor turns."""
        return self.prompt in ("<", ">")


class HarvardOptions(SerialOptions):
    """Options of a Harvard or KD Scientific syringe pump."""

    timeout_s: Annotated[float, Field(gt=0, le=60)] = 0.4
    address: Annotated[int, Field(ge=0, le=99)] = 0
    syringe: Syringe
    model: str | None = None  # text that ``ver`` must hold, "ELITE" for example; None: any
    zero_prefix: bool = False  # of the simulated pump: it tells address 0; both are understood
    infuse_only: bool = False  # a model without the withdraw commands: it cannot refill
    force_percent: Annotated[int, Field(ge=1, le=100)] | None = None  # None: as set at the pump


class HarvardWire(AsciiInstrument):
    """A Harvard pump as far as talking to it goes."""

    Options = HarvardOptions
    probes = (
        Probe(
            lambda address: f"{address or ''}irate lim\r".encode("ascii"),
            lambda address: rb"\n(?:%02d:)?(%b to %b)\r" % (address, *(_BARE_RATE.encode(),) * 2),
            "Harvard or KD Scientific pump, {0}",
            addresses=(0, 1, 2, 3),
            rates=(9600,),
            rank=BARE,
        ),
    )
    line = LineSpec(codec=lambda _port: LineCodec(XON, max_frame=1024), baud_rate=115200)
    commands_answer = True
    fence, fence_reply = "irate lim", rf"(?:{PROMPTS}) {RATE} to {RATE}"
    options: HarvardOptions

    # --- what the wire says

    def encoded(self, text: str) -> bytes:
        """Return a request to this pump; address 0 is left out."""
        address = self.options.address
        return f"{address or ''}{text}\r".encode("ascii")

    def reply_to(self, request: str, frame: bytes) -> str | None:
        """Return ``prompt``, or ``prompt line``, of this pump's reply to this request."""
        reply = REPLY.fullmatch(frame.decode("latin-1"))
        if reply is None or int(reply[2] or 0) != self.options.address:
            return None
        lines = [self._without_address(line) for line in reply[1].split("\r")[:-1]]
        if any(line is None for line in lines):
            return None
        text = " ".join(line.strip() for line in lines if line)
        if text.startswith(("Command error", "Argument error")):
            raise CommandRejected(self.name, f"{request!r} is refused: {text}")
        known = PATTERNS.get(request, PATTERNS[""]).fullmatch(text)
        return f"{reply[3]} {text}".rstrip() if known else None

    def _without_address(self, line: str) -> str | None:
        """Return a line's text; None when it is another pump's."""
        line, address = line[1:], self.options.address
        if line.startswith(prefix := f"{address:02d}:"):
            return line[len(prefix) :]
        return line if address == 0 else None  # address 0 is told by some firmware only

    async def query(self, name: str, lane: Lane = Lane.COMMAND) -> tuple[str, re.Match[str]]:
        """Return the prompt and the groups of the line."""
        prompt, _, text = (await self.ask(name, lane=lane)).partition(" ")
        # reply_to() lets nothing else through
        return prompt, cast("re.Match[str]", PATTERNS[name].fullmatch(text))

    async def state(self, lane: Lane = Lane.COMMAND) -> State:
        """Return what the pump does."""
        prompt, fields = await self.query("status", lane)
        stalled = prompt == "*" or fields[6] in "Ss"
        return State(prompt, int(fields[1]) * FL_S, stalled)

    async def rate(self, name: str) -> float:
        """Return a set rate, mL/min."""
        return rate_ml_min(*(await self.query(name))[1].groups())

    async def volume(self, name: str, lane: Lane = Lane.COMMAND) -> float:
        """Return a volume, mL; 0 for a target that is not set."""
        number, litre = (await self.query(name, lane))[1].groups()
        return float(number) * LITRE[litre] if number else 0.0

    # --- who is there

    async def identify(self) -> str:
        """Return model and firmware; opens the session and switches to poll mode if it must."""
        try:
            await self._ask_limits()
        except (NoReply, GarbledReply):
            await self.open_session(Lane.COMMAND)
            await self._ask_limits()
        version = (await self.query("ver"))[1][1]
        model = self.options.model
        if model is not None and model.lower() not in version.lower():
            raise WrongInstrument(self.name, f"expected a {model}, found {version!r}")
        return version

    async def _ask_limits(self) -> None:
        """Ask the fence, once: its reply has a form that no other has."""
        await self._exchange(self.fence or "", Lane.COMMAND, 1)

    async def open_session(self, lane: Lane) -> None:
        """Send a bare CR, which ends the deafness that a touch of the screen begins; poll mode.

        Neither moves anything, and nothing says whether they are answered, and how.
        """
        self.doubt()
        for text in ("", "poll on"):
            await self.bus.send(self.name, self.encoded(text), lane=lane)
        await asyncio.sleep(SESSION_S)
