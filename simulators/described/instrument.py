"""A simulated text instrument made of a description file."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulators.described import texts
from simulators.described.registers import SimDescribedModbus
from simulators.described.sheet import SHIPPED, Sheet, Table, sheet
from simulators.described.state import State
from simulators.described.values import Value, Wrong
from simulators.described.wire import TextSession, Wire
from simulators.instruments.base import Ports, Role
from simulators.ports import Clock
from simulators.wire.line import Framing, Send, Session, WireInstrument


@dataclass(frozen=True)
class Row:
    """One exchange: what recognises its request, and what it does."""

    request: re.Pattern[str]
    pictures: Mapping[str, str]
    table: Table
    also: Mapping[str, Value]  # what it sets beside


class NoValue(Exception):
    """A reply cannot be given: a sensor is dead, and nothing is said about that."""


class SimDescribed:
    """Answers as its file says; the plant behind it is the world's."""

    exclusive = False

    def __init__(
        self, described: Sheet, name: str, options: Table, ports: Ports, clock: Clock
    ) -> None:
        self.name, self.clock, self.sheet = name, clock, described
        self.state = State(described, name, ports, clock)
        simulated = described.part("simulated")
        self.latency_s = float(simulated.get("latency_s", 0.01))
        address = options.get("address", described.part("address").get("default"))
        self.wire = Wire(described, None if address is None else int(address))
        case = bool(simulated.get("case_matters", True))
        self._rows = [
            Row(
                texts.matcher(table["send"], self._pattern, case=case),
                texts.pictures(table["send"]),
                table,
                simulated.get("also", {}).get(key, {}),
            )
            for key, table in described.part("exchanges").items()
        ]
        self._sessions: list[TextSession] = []
        self._every: list[asyncio.TimerHandle] = []

    def _pattern(self, field: str, picture: str) -> str:
        return self.state.cells[field].pattern(picture)

    def session(self, send: Send, framing: Framing) -> Session:
        """Return a session with a host; the framing is the same on every medium."""
        del framing
        session = TextSession(self.wire, self.answer, send, self.clock)
        self._sessions = [s for s in self._sessions if not s.gone] + [session]
        for table in self.sheet.rows("unsolicited"):
            if "every_s" in table and self.state.timers:
                self._tell_later(session, table)
        return session

    def tell(self, row: int = 0) -> None:
        """Send a line of the file's unsolicited ones to every host, now."""
        line = self._filled(self.sheet.rows("unsolicited")[row]["line"])
        for session in self._sessions:
            if not session.gone:
                session.tell(line)

    def _tell_later(self, session: TextSession, table: Table) -> None:
        def tell() -> None:
            if not session.gone:
                session.tell(self._filled(table["line"]))
                self._tell_later(session, table)

        asyncio.get_running_loop().call_later(table["every_s"], tell)

    def answer(self, line: str) -> str | None:
        """Return the reply to one request, None for silence."""
        self.state.fed()
        self.state.look()
        if line in self._cleared():
            return None
        for row in self._rows:
            if found := row.request.fullmatch(line):
                return self._done(row, found)
        self.state.note("unknown")
        return self._error("unknown")

    def _cleared(self) -> set[str]:
        """Return the requests that only clear the instrument's buffer."""
        return {table["then"] for table in self.sheet.rows("errors") if "then" in table}

    def _done(self, row: Row, found: re.Match[str]) -> str | None:
        cells = self.state.cells
        try:
            taken: dict[str, Value] = {
                field: cells[field].taken(text, row.pictures[field])
                for field, text in found.groupdict().items()
            }
        except Wrong as wrong:
            self.state.note(wrong.how)
            return self._error("range")
        taken |= row.table.get("sets", {}) | row.also
        if taken and not self.state.ready():
            return None
        if taken:
            self.state.put(taken)
        reply = row.table.get("reply")
        try:
            return None if reply is None else self._filled(reply)
        except NoValue:
            return self._error("no-value")

    def _filled(self, text: str) -> str:
        return texts.filled(text, self._text)

    def _text(self, field: str, picture: str) -> str:
        value, cell = self.state.value(field), self.state.cells[field]
        if value is not None:
            return cell.text(value, picture)
        if cell.no_value is None:
            raise NoValue(field)
        return cell.no_value

    def _error(self, when: str) -> str | None:
        for table in self.sheet.rows("errors"):
            no_value = when == "no-value" and table.get("is") == "no-value"
            if table.get("when") in (when, "any") or no_value:
                return self._filled(table["reply"])
        return None


def simulated(
    described: Sheet, name: str, options: Table, ports: Ports, clock: Clock
) -> SimDescribed | SimDescribedModbus:
    """Return an instrument as its file describes it."""
    kind = SimDescribedModbus if described.modbus else SimDescribed
    return kind(described, name, options, ports, clock)


class Described:
    """What makes simulated instruments of one file; stands where their class would stand."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def role_for(self, options: Table) -> Role:
        """Return which port into the plant the instrument needs."""
        return sheet(self.path, options).role

    def __call__(
        self, name: str, options: Mapping[str, Any], ports: Ports, clock: Clock
    ) -> WireInstrument:
        """Return an instrument."""
        return simulated(sheet(self.path, options), name, options, ports, clock)


def shipped(stem: str) -> Described:
    """Return what makes instruments of a description that comes with taylord."""
    return Described(SHIPPED / f"{stem}.toml")
