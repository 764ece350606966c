"""Cavro XCalibur, XP 3000 and XLP 6000, TriContinent C3000 (XP 3000 and XLP 6000 manuals).

The framing is in ``cavro_wire``, strings are read in ``cavro_program``, the plunger is in
``cavro_plunger``. A freshly powered pump is not initialised: where its plunger is, only the plant
knows (the syringe is full). Moves outside the stroke are accepted, and the error comes with the
next status. After an overload nothing works until a new initialisation.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar

from simulators.instruments.base import Ports, Role, need
from simulators.instruments.cavro_plunger import Plunger
from simulators.instruments.cavro_program import (
    INITIALISE,
    INVALID_COMMAND,
    INVALID_OPERAND,
    MOVES,
    VALVE,
    Step,
    Wrong,
    parsed,
)
from simulators.instruments.cavro_wire import CavroSession
from simulators.ports import Clock
from simulators.wire.line import Framing, Send

NOT_INITIALISED, PLUNGER_OVERLOAD, NOT_ALLOWED, OVERFLOW = 7, 9, 11, 15
VALVE_TURN_S = 0.25
INITIALISE_SPEED = 500  # half-steps/s at full force
SPEED_CODES = 14, 1400, 900, 900  # slope and speeds after power-up


class SimCavroPump:
    """One pump module on a line, alone or with others."""

    role: ClassVar[Role] = "pump"
    latency_s: float = 0.008
    exclusive: bool = False

    def __init__(self, name: str, options: Mapping[str, Any], ports: Ports, clock: Clock) -> None:
        self.name = name
        self.switch = int(options.get("address", 0))
        self.firmware = str(options.get("firmware", "P/N 30022881 Rev C"))
        self.has_valve = options.get("valve", "output-right") != "none"
        stroke = int(options.get("stroke", 3000))
        syringe: Mapping[str, Any] = options.get("syringe") or {}
        volume_ml = float(syringe.get("volume_ml", 5.0))
        self.speeds = (5, int(options.get("highest_speed", 5800)))
        self.plunger = Plunger(need(ports.pump, name, "pump"), clock, stroke, volume_ml)
        self.executed: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._steps: deque[Step] = deque()
        self._power_up()
        self.initialised = bool(options.get("initialised", False))

    def _power_up(self) -> None:
        self.initialised, self.overload, self.late = False, 0, 0
        self.valve = "o"
        self.settings = {"V": 1400, "v": 900, "c": 900, "L": 14, "S": 11, "K": 12, "N": 0}
        self.buffer = ""  # a string that waits for its R
        self.last = ""  # the string executed last
        self._silent = False  # a move in lower case is under way
        self._halt()

    def power_cycle(self) -> None:
        """Interrupt the power: the plunger stops where it is, and the pump forgets where."""
        self._power_up()

    def session(self, send: Send, framing: Framing) -> CavroSession:
        """Return a session with a host; the framing is the same on every medium."""
        del framing
        return CavroSession(self, send)

    # --- answers

    @property
    def busy(self) -> bool:
        """Return whether the pump executes a string."""
        return self._timer is not None and not self._silent

    def hear(self, text: str) -> bytes:
        """Execute a request; return the status byte and data that answer it."""
        self._feel()
        data = self._asked(text)
        if data is not None:
            return self._status() + data.encode("latin-1")
        if text.startswith("T"):
            self._halt()
            return self._status()
        try:
            self._command(text)
        except Wrong as wrong:
            return self._status(wrong.code)
        late, self.late = self.late, 0
        answer = self._status()
        self.late = late
        return answer

    def again(self, text: str) -> bytes:
        """Return the answer to a request that has been executed already."""
        self._feel()
        return self._status() + (self._asked(text) or "").encode("latin-1")

    def _status(self, code: int = 0) -> bytes:
        """Return the status byte; an error that came late is told once."""
        initialising = self.busy and not self.initialised
        standing = self.overload or (0 if self.initialised or initialising else NOT_INITIALISED)
        code = code or standing or self.late
        self.late = 0
        return bytes((0x40 | (0 if self.busy else 0x20) | code,))

    def _asked(self, text: str) -> str | None:
        """Return the data of a query, None when it is a command."""
        position = round(self.plunger.position * self._fineness)
        answers = {
            "Q": "",
            "?": str(position),
            "?1": str(self.settings["v"]),
            "?2": str(self.settings["V"]),
            "?3": str(self.settings["c"]),
            "?6": self.valve,
            "&": self.firmware,
            "F": str(int(bool(self.buffer))),
            "?76": f"{self.plunger.stroke} increments",
        }
        return answers.get(text)

    @property
    def _fineness(self) -> int:
        return 8 if self.settings["N"] else 1

    # --- strings

    def _command(self, text: str) -> None:
        run = text.endswith("R")
        body = text.removesuffix("R")
        if body == "X":
            body, run = self.last, True
        steps = parsed(body, self.speeds)
        if self._timer is not None:
            self._while_moving(steps)
            return
        if not run:
            self.buffer = body
            return
        if not body:
            body, self.buffer = self.buffer, ""
            steps = parsed(body, self.speeds)
        self._allow(steps)
        self.executed.append(body)
        self.last = body
        self._steps.extend(steps)
        self._next()

    def _while_moving(self, steps: list[Step]) -> None:
        """Only the top speed may be changed during a move."""
        if not steps or any(step.letter != "V" for step in steps):
            raise Wrong(OVERFLOW)
        for step in steps:
            self._set("V", step.number)

    def _allow(self, steps: list[Step]) -> None:
        """Refuse moves of a plunger that is lost, and valves that are not there."""
        for step in steps:
            if step.letter in INITIALISE:
                return
            if step.letter in MOVES + VALVE and (self.overload or not self.initialised):
                raise Wrong(self.overload or NOT_INITIALISED)
            if step.letter in VALVE and not self.has_valve:
                raise Wrong(INVALID_COMMAND)

    def _next(self) -> None:
        """Begin the next step of the string; instant ones are done at once."""
        self._timer, self._silent = None, False
        while self._steps and self._timer is None:
            try:
                self._begin(self._steps.popleft())
            except Wrong as wrong:
                self.late = wrong.code
                self._halt()

    def _begin(self, step: Step) -> None:
        letter, number = step.letter, step.number
        if letter in INITIALISE:
            self._initialise(letter)
        elif letter in MOVES:
            self._silent = letter.islower()
            self._move(letter.upper(), number)
        elif letter in VALVE:
            if self.valve != letter.lower():
                self.valve = letter.lower()
                self._after(VALVE_TURN_S)
        elif letter == "M":
            self._after(number / 1000.0)
        else:
            self._set(letter, number)

    def _set(self, letter: str, number: int) -> None:
        self.settings[letter] = number
        if letter == "V" and self.plunger.moving:
            self._after(self.plunger.change_speed(number))

    def _initialise(self, letter: str) -> None:
        self.overload, self.initialised = 0, False
        self.valve = "o"
        seconds = self.plunger.begin(0.0, INITIALISE_SPEED, connected=True)
        self._steps.appendleft(Step(f"done {letter}", None))
        self._after(max(seconds, VALVE_TURN_S))

    def _move(self, letter: str, increments: int) -> None:
        plunger, distance = self.plunger, increments / self._fineness
        if letter == "A":
            goal = distance
        else:
            goal = plunger.position + (distance if letter == "P" else -distance)
        if not -1e-6 <= goal <= plunger.stroke + 1e-6:
            raise Wrong(INVALID_OPERAND)
        if self.valve == "b":
            raise Wrong(NOT_ALLOWED)
        way = "i" if goal > plunger.position else "o"
        connected = not self.has_valve or self.valve == way
        self._after(plunger.begin(goal, self.settings["V"], connected=connected))

    def _after(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._done)

    def _done(self) -> None:
        self.plunger.arrive()
        if self._steps and self._steps[0].letter.startswith("done"):
            self._steps.popleft()
            self.initialised = True
        self._next()

    def _halt(self) -> None:
        """Stop at once and forget the rest of the string."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._steps.clear()
        self.plunger.halt()

    def _feel(self) -> None:
        """Notice a plunger that does not get on."""
        if self.plunger.blocked():
            self._halt()
            self.overload = PLUNGER_OVERLOAD
