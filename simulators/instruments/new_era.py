"""New Era NE-1000 syringe pump (manual 1200-01): commands, alarms, safe mode.

The framing is in ``new_era_wire``, the motor in ``stepper``. While an alarm is pending, the next
valid request is answered with the alarm instead, which acknowledges it; the request is not
executed. A freshly powered pump starts that way. Every pump of a line hears every command, only the
addressed one answers.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from simulators.instruments.base import Ports, Role, need
from simulators.instruments.new_era_wire import ADDRESSED, NewEraSession, packet
from simulators.instruments.stepper import (
    RATE_UNITS,
    NotApplicable,
    OutOfRange,
    Stepper,
    number,
    written,
)
from simulators.ports import Clock
from simulators.wire.line import Framing, Send

_REMEMBERED = 256  # different commands whose row is remembered
Row = tuple[Callable[..., str] | None, tuple[Any, ...]]
_NUMBER = r"(\d*\.?\d*)"
_FLAGS = ("AL", "LOC", "PF", "BP")


class SimNewEraPump:
    """One NE-1000 on a serial line, alone or with others."""

    role: ClassVar[Role] = "pump"
    latency_s: float = 0.008
    exclusive: bool = False

    def __init__(self, name: str, options: Mapping[str, Any], ports: Ports, clock: Clock) -> None:
        self.name, self.clock = name, clock
        syringe: Mapping[str, Any] = options.get("syringe") or {}
        fitted = syringe.get("diameter_mm")
        self.stepper = Stepper(
            need(ports.pump, name, "pump"),
            clock,
            fitted_mm=None if fitted is None else float(fitted),
        )
        self.address = int(options.get("address", 0))
        self.firmware = "NE1000V3.928"
        self.alarm: str | None = "R"
        self.safe_s = 0  # communication timeout; 0: basic mode
        self.flags: dict[str, str] = dict.fromkeys(_FLAGS, "0")
        self.sessions: list[NewEraSession] = []
        self._armed: asyncio.TimerHandle | None = None
        self._heard_at = 0.0
        self._known: dict[str, Row] = {}
        self._commands: list[tuple[re.Pattern[str], Callable[..., str]]] = [
            (re.compile(pattern), method)
            for pattern, method in (
                (r"", lambda: ""),
                (r"RUN(\d*)", self._run),
                (r"STP", self._stop),
                (r"RAT", self._read_rate),
                (rf"RAT{_NUMBER}({'|'.join(RATE_UNITS)})?", self._write_rate),
                (r"DIS", self._read_dispensed),
                (r"DIR", lambda: self.stepper.direction),
                (r"DIR(INF|WDR|REV)", self._write_direction),
                (r"VOL", self._read_volume),
                (r"VOL(UL|ML)", self._write_volume_unit),
                (rf"VOL{_NUMBER}", self._write_volume),
                (r"DIA", lambda: written(self.stepper.diameter_mm)),
                (rf"DIA{_NUMBER}", self._write_diameter),
                (r"CLD(INF|WDR)", self._clear),
                (r"PUR", self._purge),
                (r"PHN", lambda: "1"),
                (r"PHN(\d+)", self._write_phase),
                (r"FUN", lambda: "RAT"),
                (r"VER", lambda: self.firmware),
                (r"SAF", lambda: str(self.safe_s)),
                (r"SAF(\d+)", self._write_safe),
                (rf"({'|'.join(_FLAGS)})", self._read_flag),
                (rf"({'|'.join(_FLAGS)})([01])", self._write_flag),
                (r"\*ADR(\d{1,2})(?:B\d+)?", self._write_address),
                (r"\*RESET", self._reset),
            )
        ]

    def session(self, send: Send, framing: Framing) -> NewEraSession:
        """Return a session with a host; the framing is the same on every medium."""
        del framing
        return NewEraSession(self, send)

    def frame(self, text: str) -> bytes:
        """Return an answer in the mode the pump is in."""
        if self.safe_s:
            return packet(text)
        return b"\x02" + text.encode("latin-1") + b"\x03"

    def raise_alarm(self, letter: str) -> None:
        """Raise an alarm; in safe mode it is also told unasked, which does not acknowledge it."""
        self.alarm = letter
        if self.safe_s:
            for session in tuple(self.sessions):
                session.send(self.frame(f"{self.address:02d}A?{letter}"))

    def power_cycle(self) -> None:
        """Interrupt the power: the motor stops, alarm R, the timeout is not armed."""
        self.stepper.stop(pause=False)
        self._disarm()
        self.raise_alarm("R")

    def hear(self, text: str) -> str | None:
        """Return the answer to a request (cleaned text), or None when it is for another pump."""
        self._check_motor()
        if "*" in text[1:]:
            self._burst(text)
            return None
        if text.startswith("*"):  # whatever the address
            return self._obey(text)
        found = ADDRESSED.fullmatch(text)
        if found is None or int(found[1] or 0) != self.address:
            return None
        return self._obey(found[2])

    def valid_packet(self) -> None:
        """A valid packet has come: (re)start the communication timeout."""
        self._heard_at = self.clock()
        if self.safe_s and self._armed is None:
            self._arm(self.safe_s)

    def _obey(self, command: str) -> str:
        """Return ``address status data`` for one command of this pump."""
        if self.alarm is not None and self._find(command)[0] is not None:
            letter, self.alarm = self.alarm, None
            return f"{self.address:02d}A?{letter}"
        data = self._perform(command)
        return self.status_text() + data

    def status_text(self) -> str:
        """Return address and status letter, as every answer begins."""
        return f"{self.address:02d}{self.stepper.status}"

    def _perform(self, command: str) -> str:
        method, groups = self._find(command)
        if method is None:
            return "?"
        try:
            return method(*groups)
        except NotApplicable:
            return "?NA"
        except OutOfRange:
            return "?OOR"

    def _find(self, command: str) -> Row:
        row = self._known.get(command)
        if row is None:
            row = next(
                (
                    (method, found.groups())
                    for pattern, method in self._commands
                    if (found := pattern.fullmatch(command))
                ),
                (None, ()),
            )
            if len(self._known) < _REMEMBERED:
                self._known[command] = row
        return row

    def _burst(self, text: str) -> None:
        """Perform this pump's part of a network burst; the answers collide and are lost."""
        for part in text.split("*"):
            if part[:1].isdigit() and int(part[0]) == self.address:
                self._obey(part[1:])

    def _check_motor(self) -> None:
        if self.stepper.check_stall():
            self.raise_alarm("S")

    def _run(self, phase: str) -> str:
        if phase not in ("", "1"):
            raise OutOfRange
        self.stepper.run()
        return ""

    def _stop(self) -> str:
        self.stepper.stop(pause=self.stepper.moving)
        return ""

    def _purge(self) -> str:
        self.stepper.purge()
        return ""

    def _read_rate(self) -> str:
        return written(self.stepper.rate) + self.stepper.rate_unit

    def _write_rate(self, text: str, unit: str | None) -> str:
        self.stepper.set_rate(number(text), unit)
        return ""

    def _read_dispensed(self) -> str:
        infused, withdrawn = self.stepper.dispensed()
        return f"I{written(infused)}W{written(withdrawn)}{self.stepper.volume_unit}"

    def _write_direction(self, which: str) -> str:
        self.stepper.set_direction(which)
        return ""

    def _read_volume(self) -> str:
        return written(self.stepper.target) + self.stepper.volume_unit

    def _write_volume(self, text: str) -> str:
        self.stepper.set_target(number(text))
        return ""

    def _write_volume_unit(self, unit: str) -> str:
        self.stepper.set_volume_unit(unit)
        return ""

    def _write_diameter(self, text: str) -> str:
        self.stepper.set_diameter(number(text))
        return ""

    def _clear(self, which: str) -> str:
        self.stepper.clear(which)
        return ""

    def _write_phase(self, text: str) -> str:
        if int(text) != 1:  # only the first phase of a program is modelled
            raise OutOfRange
        return ""

    def _read_flag(self, key: str) -> str:
        return self.flags[key]

    def _write_flag(self, key: str, value: str) -> str:
        self.flags[key] = value
        return ""

    def _write_address(self, text: str) -> str:
        self.address = int(text)
        return ""

    def _reset(self) -> str:
        self.stepper.reset()
        self.address, self.safe_s = 0, 0
        self._disarm()
        return ""

    def _write_safe(self, text: str) -> str:
        """Enter or leave safe mode; the answer is in the new mode already."""
        if int(text) > 255:  # seconds, chapter 10.3
            raise OutOfRange
        self._disarm()
        self.safe_s = int(text)
        self.valid_packet()
        return ""

    def _arm(self, after_s: float) -> None:
        self._armed = asyncio.get_running_loop().call_later(after_s, self._time_out)

    def _disarm(self) -> None:
        if self._armed is not None:
            self._armed.cancel()
            self._armed = None

    def _time_out(self) -> None:
        """Stop when nobody has spoken for the time set; else look again when it could be."""
        rest = self._heard_at + self.safe_s - self.clock()
        if rest > 0:
            self._arm(rest)
            return
        self._armed = None  # armed again by the next valid packet
        self.stepper.stop(pause=False)
        self.raise_alarm("T")
