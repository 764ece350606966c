"""What a described instrument holds: every field, the notes of what went wrong, its watchdog."""

import asyncio
from collections.abc import Mapping
from typing import Any

from simulators.described.plant import Coupling, known
from simulators.described.sheet import Sheet
from simulators.described.values import Cell, Value
from simulators.instruments.base import Ports
from simulators.ports import Clock

_LOOK_S = 1.0  # between its own looks at its guards


class State:
    """All fields of one instrument; measured ones come from the plant."""

    def __init__(self, sheet: Sheet, name: str, ports: Ports, clock: Clock) -> None:
        self.sheet, self._clock = sheet, clock
        self.cells = {field: Cell(table) for field, table in sheet.fields.items()}
        self.values: dict[str, Value] = {field: cell.start for field, cell in self.cells.items()}
        self.notes: dict[str, Value] = {}  # told once
        self.held: dict[str, Value] = {}  # by tests, in the place of what is measured
        self.memory_writes = 0
        simulated = sheet.part("simulated")
        self._follow: Mapping[str, Any] = simulated.get("follow", {})
        self._outcomes: list[Any] = simulated.get("outcomes", [])
        self._guards: list[Any] = simulated.get("guards", [])
        self._plant = Coupling(sheet, name, ports)
        self.timers = True  # False: nothing happens by itself (there is no loop)
        self._watch: asyncio.TimerHandle | None = None
        self._looking: asyncio.TimerHandle | None = None

    def restart(self) -> None:
        """Interrupt the power: everything goes back to how it starts."""
        self.values = {field: cell.start for field, cell in self.cells.items()}
        self.notes.clear()
        if self._watch is not None:
            self._watch.cancel()
        self._plant.act(self.values)

    def value(self, field: str) -> Value | None:
        """Return what a field holds now; None when its sensor is dead."""
        if field in self.held:
            return self.held[field]
        if field in self.notes:
            return self.notes.pop(field)
        if field in self._follow:
            rule = self._follow[field]
            lead = self.value(rule["field"])
            text = str(lead).lower() if isinstance(lead, bool) else str(lead)
            values = rule.get("values")
            return lead if values is None else values.get(text, self.values[field])
        if field in self._plant.measured:
            number = known(self._plant.measured[field]())
            return None if number is None else self._typed(field, number)
        return self._word(field) if "bits" in self.sheet.fields[field] else self.values[field]

    def _word(self, field: str) -> int:
        """Return a word with those of its bits that are held."""
        word = int(self.values[field])
        for name, bit in self.sheet.fields[field]["bits"].items():
            if name in self.held:
                word = word | 1 << bit if self.held[name] else word & ~(1 << bit)
        return word

    def _typed(self, field: str, number: float) -> Value:
        kind = self.cells[field].kind
        if kind == "bool":
            return bool(number)
        return round(number) if kind == "int" else number

    def put(self, values: Mapping[str, Value]) -> None:
        """Take what a request sets, and act on it."""
        for field, value in values.items():
            if self.sheet.fields[field].get("memory") and self.values[field] != value:
                self.memory_writes += 1
            self.values[field] = value
        self._plant.act(self.values)
        self._arm(values)
        self._look_on()

    def hold(self, values: Mapping[str, Value]) -> None:
        """Make fields hold values whatever the plant says (for examples and tests)."""
        self.held.update(values)

    def note(self, what: str) -> None:
        """Note what went wrong, where the instrument tells of it later."""
        for outcome in self._outcomes:
            if outcome["when"] in (what, "range" if what in ("above", "below") else what):
                self.notes.update(outcome["set"])
                return

    def ready(self) -> bool:
        """Return whether writes are obeyed (a remote mode, say)."""
        needs: Mapping[str, Value] = self.sheet.part("simulated").get("needs", {})
        return all(self.values[field] == value for field, value in needs.items())

    # --- what it does by itself

    def fed(self) -> None:
        """Take note that somebody has spoken."""
        watchdog = self.sheet.part("watchdog")
        if watchdog and watchdog.get("feed", "any") == "any":
            self._arm({watchdog["field"]: self.values[watchdog["field"]]})

    def _arm(self, values: Mapping[str, Value]) -> None:
        field = self.sheet.part("watchdog").get("field")
        if field is None or field not in values:
            return
        if self._watch is not None:
            self._watch.cancel()
        self._watch = None
        seconds = float(values[field])
        if seconds > 0 and self.timers:
            self._watch = asyncio.get_running_loop().call_later(seconds, self._bark)

    def _bark(self) -> None:
        """Go to the safe state: nobody has spoken in time."""
        self._watch = None
        own = self.sheet.part("simulated").get("watchdog")
        self.put(own if own is not None else self.safe_values())

    def safe_values(self) -> dict[str, Value]:
        """Return what the safe state sets."""
        found: dict[str, Value] = {}
        for item in self.sheet.tables.get("safe", []):
            exchanges = self.sheet.part("exchanges")
            found |= exchanges[item].get("sets", {}) if isinstance(item, str) else item
        return found

    def look(self) -> None:
        """Look at the guards: what the instrument watches by itself."""
        for guard in self._guards:
            value, bound = self.value(guard["of"]), self.values[guard["field"]]
            if value is None or not self.values.get(self.sheet.named("running"), True):
                continue
            above = guard["when"] == "above" and float(value) > float(bound)
            below = guard["when"] == "below" and float(value) < float(bound)
            if above or below:
                self.put(guard["set"])

    def _look_on(self) -> None:
        running = self.values.get(self.sheet.named("running"), False)
        if self._guards and running and self._looking is None and self.timers:
            self._looking = asyncio.get_running_loop().call_later(_LOOK_S, self._look_again)

    def _look_again(self) -> None:
        self._looking = None
        self.look()
        self._look_on()
