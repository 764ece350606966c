"""Knauer AZURA P 2.1S / P 4.1S HPLC pump (pump instructions V6870; reply spellings unverified).

Text over RS-232 or TCP port 10001. Requests end with CR; over TCP the pump wants LF CR, in that
odd order, so an LF at either end is dropped. ``NAME?`` reads, ``NAME:value`` or ``NAME value``
writes, ``NAME`` acts; integers only. Replies end with CR. ``ERROR:1``: unknown or malformed;
``ERROR:2``: refused.

The pump watches its own pressure limits and stops when they are crossed; it looks at every request,
and every few seconds by itself while it runs. The error codes it then reports are made up: the
manual's list was not available.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from math import isfinite
from typing import Any, ClassVar

from simulators.instruments.base import Ports, Role, need
from simulators.ports import Clock
from simulators.wire.ascii import AsciiServer, on

BAR_PER_UNIT = 1.0  # the wire's unit is 0.1 MPa
MAX_FLOW_UL_MIN = {10: 10_000, 50: 50_000}  # by head
MAX_PRESSURE = {10: 400, 50: 150}  # 0.1 MPa
OVERPRESSURE, UNDERPRESSURE, MOTOR = 1, 2, 3
_LOOK_S = 5.0  # between its own looks at the pressure
_FRESH_S = 0.5  # requests closer than this share a look
_BUILD_UP_S = 60.0  # the lower limit counts this long after the start


class SimAzuraPump(AsciiServer):
    """One pump head behind the Knauer text protocol; flows in µL/min on the wire."""

    role: ClassVar[Role] = "pump"
    request_end = b"\r"
    reply_end = b"\r"
    latency_s = 0.008
    exclusive = True

    def __init__(self, name: str, options: Mapping[str, Any], ports: Ports, clock: Clock) -> None:
        super().__init__(name, clock)
        self._pump = need(ports.pump, name, "pump")
        self.head = int(options.get("head_ml", 10))
        self.flow_ul_min = 0
        self.running = False
        self.remote = True
        self.errors: deque[int] = deque([0] * 5, maxlen=5)
        self.settings = {"STARTLEVEL": 0, "STARTMODE": 0, "ERRIO": 0, "EXTCONTR": 0}
        for head, most in MAX_PRESSURE.items():
            self.settings |= {
                f"PMIN{head}": 0,
                f"PMAX{head}": most,
                f"IMIN{head}": 0,
                f"IMAX{head}": 100,
                f"ADJ{head}": 1000,
                f"CORR{head}": 0,
            }
        self._started = 0.0
        self._looked = float("-inf")
        self._watch: asyncio.TimerHandle | None = None

    def power_cycle(self) -> None:
        """Interrupt the power: it stands still afterwards, unless STARTMODE says run at power-up.

        The table does not say what else is kept; here everything is.
        """
        self.running = self.settings["STARTMODE"] == 1
        self.remote = False
        self._act()

    def answer(self, line: str) -> str | None:
        """Return the reply to one request; the pump looks at its pressure limits first."""
        self._check_limits()
        return super().answer(line.strip("\n"))

    def unknown(self) -> str | None:
        """Return what the pump says to a request it does not know."""
        return "ERROR:1"

    @on(r"FLOW\?")
    def read_flow(self) -> str:
        """Return the set flow; there is no way to ask whether it runs."""
        return f"FLOW:{self.flow_ul_min}"

    @on(r"FLOW[: ](\d+)")
    def write_flow(self, text: str) -> str:
        """Set the flow; it takes effect at once when the pump runs."""
        if int(text) > MAX_FLOW_UL_MIN[self.head]:
            return "ERROR:2"
        self.flow_ul_min = int(text)
        self._act()
        return "FLOW:OK"

    @on(r"PRESSURE\?")
    def read_pressure(self) -> str:
        """Return the pressure in whole units of 0.1 MPa."""
        return f"PRESSURE:{self._pressure()}"

    @on(r"HEADTYPE\?")
    def read_head(self) -> str:
        """Return the head, ml."""
        return f"HEADTYPE:{self.head}"

    @on(r"HEADTYPE[: ](\d+)")
    def write_head(self, text: str) -> str:
        """Tell the pump its head; refused while it runs."""
        if int(text) not in MAX_FLOW_UL_MIN or self.running:
            return "ERROR:2"
        self.head = int(text)
        self.flow_ul_min = min(self.flow_ul_min, MAX_FLOW_UL_MIN[self.head])
        return "HEADTYPE:OK"

    @on(r"((?:PMIN|PMAX|IMIN|IMAX|ADJ|CORR)(?:10|50)|STARTLEVEL|STARTMODE|ERRIO|EXTCONTR)\?")
    def read_setting(self, key: str) -> str:
        """Return a setting."""
        return f"{key}:{self.settings[key]}"

    @on(r"((?:PMIN|PMAX|IMIN|IMAX|ADJ|CORR)(?:10|50)|STARTLEVEL|STARTMODE|ERRIO|EXTCONTR)[: ](\d+)")
    def write_setting(self, key: str, text: str) -> str:
        """Change a setting within its range."""
        low, high = _range(key)
        if not low <= int(text) <= high:
            return "ERROR:2"
        self.settings[key] = int(text)
        return f"{key}:OK"

    @on(r"IMOTOR\?")
    def read_current(self) -> str:
        """Return the motor's current: friction, and what the pressure asks for."""
        if not self.running:
            return "IMOTOR:0"
        load = 5 + 45 * self._pressure() / MAX_PRESSURE[self.head]
        return f"IMOTOR:{100 if self._pump.stalled() else min(100, round(load))}"

    @on(r"EXTFLOW\?")
    def read_external_flow(self) -> str:
        """Return the flow asked for by the analogue input; nothing is wired to it."""
        return "EXTFLOW:0"

    @on(r"ERRORS\?")
    def read_errors(self) -> str:
        """Return the last five error codes, the newest first."""
        return "ERRORS:" + ",".join(map(str, self.errors))

    @on(r"ON")
    def start(self) -> str:
        """Start the flow."""
        if not self.running:
            self._started = self.clock()
        self.running = True
        self._act()
        return "ON:OK"

    @on(r"OFF")
    def stop(self) -> str:
        """Stop the flow."""
        self.running = False
        self._act()
        return "OFF:OK"

    @on(r"(LOCAL|REMOTE)")
    def lock_keypad(self, which: str) -> str:
        """Enable or disable the keypad."""
        self.remote = which == "REMOTE"
        return f"{which}:OK"

    def _pressure(self) -> int:
        """Return the pressure the pump shows, 0.1 MPa; 0 when its sensor is dead."""
        bar = self._pump.pressure_bar()
        return max(0, round(bar / BAR_PER_UNIT)) if isfinite(bar) else 0

    def _act(self) -> None:
        self._pump.set_flow(self.flow_ul_min / 1000.0 if self.running else 0.0)
        if self.running and self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(_LOOK_S, self._look)

    def _look(self) -> None:
        """Look at the limits without being asked."""
        self._watch = None
        self._check_limits()
        if self.running:
            self._watch = asyncio.get_running_loop().call_later(_LOOK_S, self._look)

    def _check_limits(self) -> None:
        now = self.clock()
        if not self.running or now - self._looked < _FRESH_S:
            return
        self._looked = now
        pressure = self._pressure()
        if pressure > self.settings[f"PMAX{self.head}"]:
            self._trip(OVERPRESSURE)
        elif self._pump.stalled():
            self._trip(MOTOR)
        elif pressure < self.settings[f"PMIN{self.head}"] and now - self._started > _BUILD_UP_S:
            self._trip(UNDERPRESSURE)

    def _trip(self, code: int) -> None:
        self.errors.appendleft(code)
        self.running = False
        self._act()


def _range(key: str) -> tuple[int, int]:
    """Return the closed range of a setting (V6870, command table)."""
    if key.startswith(("PMIN", "PMAX")):
        return 0, MAX_PRESSURE[int(key[4:])]
    if key.startswith(("IMIN", "IMAX")):
        return 0, 100
    if key.startswith("ADJ"):
        return 100, 2000
    if key.startswith("CORR"):
        return 0, 300
    return 0, 1
