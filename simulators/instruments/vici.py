"""VICI universal and microelectric actuators (universal actuator manual; selector manual).

Text, requests end CR (LF ends too), replies CR or CR LF. With an id, requests need it after a slash
(microelectric: bare), and replies begin with it; ``*`` addresses every actuator. A move is silent
(IFM0), answered by one line (IFM1) or more (IFM2); what the line says differs by firmware:
``chat``. Not settled by the sheet and made up: when a move is answered (at its end), the second
line of IFM2, the firmware text, that queries are answered while the rotor turns.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from simulators.instruments.base import Ports, Role, need
from simulators.ports import Clock
from simulators.wire.line import Framing, Send

TWO_STOPS, TWO_FREE, MULTI = 1, 2, 3  # AM
LETTERS = {1: "A", 2: "B"}
_LOOK_S = 0.05
_STALLED_S = 1.0  # a switch takes 50 ms to 1 s
_MAX_LINE = 256


class SimViciActuator:
    """One actuator and its rotor."""

    role: ClassVar[Role] = "valve"
    slash: ClassVar[str] = "/"
    bad: ClassVar[str] = "Bad command"
    latency_s: float = 0.01
    exclusive: bool = False

    def __init__(self, name: str, options: Mapping[str, Any], ports: Ports, clock: Clock) -> None:
        self.name, self.clock = name, clock
        self._valve = need(ports.valve, name, "valve")
        self.positions = int(options.get("positions") or 10)
        self.mode = TWO_STOPS if self.positions == 2 else MULTI
        address = options.get("address")
        self.id = None if address is None else str(address).upper()
        self.ifm = 1
        self.spaced = False  # LG1
        self.chat: Literal["position", "echo"] = "position"
        self.end = b"\r"
        self.cycles, self.move_ms = 1234, 125
        self.goal: int | None = None
        self._began = 0.0
        self._command = ""
        self._sessions: list[_Session] = []

    def session(self, send: Send, framing: Framing) -> "_Session":
        """Return a session with a host."""
        del framing
        session = _Session(self, send)
        self._sessions.append(session)
        return session

    def leave(self, session: "_Session") -> None:
        """A host has gone."""
        self._sessions.remove(session)

    def hear(self, line: str) -> None:
        """Take one request, for this actuator or not."""
        text = line.strip().upper()
        mark = "" if self.id is None else self.slash + self.id
        if text.startswith(self.slash + "*") and self.slash:
            self._obey(text[len(self.slash) + 1 :])
        elif text.startswith(mark) and (text or not mark):
            self._obey(text[len(mark) :])

    def _obey(self, command: str) -> None:
        if not command:
            return
        if found := re.fullmatch(r"(CP|AM|NP|CNT|TM|VR|ID|IFM|LG)", command):
            self._say(*self._query(found[1]))
        elif found := re.fullmatch(r"(GO|CW|CC)([AB]|\d{1,2})?", command):
            self._move(command, self._target(found[1], found[2]))
        elif command == "TO" and self.mode != MULTI:
            self._move(command, 3 - self.now())
        elif command == "HM" and self.mode == MULTI:
            self._move(command, 1)
        elif found := re.fullmatch(r"(IFM|LG)([012])", command):
            self._set(found[1], int(found[2]))
        elif command == "STAT":
            self._several(f"CP{self._name(self.now())}", f"AM{self.mode}", f"CNT{self.cycles}")
        else:
            self._raw(self.bad)

    def now(self) -> int:
        """Return where the rotor is."""
        return self._valve.position()

    def _query(self, letters: str) -> tuple[str, str]:
        values = {
            "CP": self._name(self.now()),
            "AM": str(self.mode),
            "NP": str(self.positions),
            "CNT": str(self.cycles),
            "TM": str(self.move_ms),
            "VR": "UA_MAIN_EQ",
            "ID": self.id or "",
            "IFM": str(self.ifm),
            "LG": str(int(self.spaced)),
        }
        return letters, values[letters]

    def _set(self, which: str, value: int) -> None:
        if which == "IFM":
            self.ifm = value
        else:
            self.spaced = bool(value)

    def _target(self, verb: str, goal: str | None) -> int | None:
        """Return the position a move leads to; None when there is no such."""
        if goal is None:
            if self.mode != MULTI:
                return {"GO": 3 - self.now(), "CW": 1, "CC": 2}[verb]  # clockwise: B to A
            step = -1 if verb == "CC" else 1
            return (self.now() - 1 + step) % self.positions + 1
        if goal in "AB":
            return "AB".index(goal) + 1 if self.mode != MULTI else None
        return int(goal) if self.mode == MULTI and 1 <= int(goal) <= self.positions else None

    def _move(self, command: str, goal: int | None) -> None:
        if goal is None:
            self._raw(self.bad)
            return
        self.cycles += goal != self.now()
        self.goal, self._began, self._command = goal, self.clock(), command
        self._valve.turn(goal)
        self._look(goal)

    def _look(self, goal: int) -> None:
        """Tell the end of the move when the rotor is there, or has not come in time."""
        if goal != self.goal:
            return  # another move has begun
        late = self.clock() - self._began
        if self.now() != goal and late < _STALLED_S:
            asyncio.get_running_loop().call_later(_LOOK_S, self._look, goal)
            return
        self.goal, self.move_ms = None, round(1000 * late)
        self._chatter()

    def _chatter(self) -> None:
        where = f"CP{self._name(self.now())}"
        if self.ifm and self.chat == "echo":
            self._raw(self._command)
        elif self.ifm:
            self._raw(where)
        if self.ifm == 2:
            self._raw(f"TM{self.move_ms}")

    def _name(self, position: int) -> str:
        return LETTERS[position] if self.mode != MULTI else f"{position:02d}"

    def _say(self, letters: str, value: str) -> None:
        self._raw(f"{letters} = {value}" if self.spaced else letters + value)

    def _several(self, *lines: str) -> None:
        for line in lines:
            self._raw(line)

    def _raw(self, text: str) -> None:
        mark = "" if self.id is None else self.slash + self.id
        for session in self._sessions:
            session.send((mark + text).encode("latin-1") + self.end)


class SimViciMicroelectric(SimViciActuator):
    """A microelectric multiposition selector: bare ids, ``Position is  = 5``, no mode, no count."""

    slash = ""
    bad = "Bad command"

    def __init__(self, name: str, options: Mapping[str, Any], ports: Ports, clock: Clock) -> None:
        super().__init__(name, options, ports, clock)
        self.mode, self.spaced, self.ifm, self.end = MULTI, True, 0, b"\r\n"

    def _query(self, letters: str) -> tuple[str, str]:
        if letters == "CP":
            return "Position is ", str(self.now())
        return super()._query(letters)

    def _obey(self, command: str) -> None:
        super()._obey("?" if command in ("AM", "CNT", "TM") else command)


class _Session:
    """Cuts the host's bytes into lines."""

    def __init__(self, actuator: SimViciActuator, send: Send) -> None:
        self._actuator, self.send = actuator, send
        self._pending = b""

    def receive(self, data: bytes) -> None:
        """Take bytes; CR or LF ends a request."""
        *lines, rest = (self._pending + data).replace(b"\n", b"\r").split(b"\r")
        self._pending = rest[-_MAX_LINE:]
        for line in lines:
            if line:
                self._actuator.hear(line.decode("latin-1"))

    def close(self) -> None:
        """The host has gone."""
        self._actuator.leave(self)
