"""Runs the safety table on the event stream: every group of readings, and silence by a timer."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from daemon.safety.alarms import Alarms, Priority
from daemon.safety.clocks import STOPPED
from daemon.safety.interlocks import Change, Interlocks
from daemon.safety.rows import Violation
from daemon.safety.trip import Cause
from drivers.signal import Reading

log = structlog.get_logger(__name__)

STOOD_STILL_S = 1.0  # late for a deadline by more: no instrument and no cable is at fault

PRIORITIES: dict[str, Priority] = {"warn": "low", "hold": "medium", "trip": "high"}


class Monitor:
    """Feeds the interlocks and carries out what they ask, synchronously and at once."""

    def __init__(
        self, interlocks: Interlocks, alarms: Alarms, pull: Callable[[Cause], None]
    ) -> None:
        self._interlocks, self._alarms, self._pull = interlocks, alarms, pull
        self._timer: asyncio.TimerHandle | None = None

    def on_readings(self, group: Sequence[Reading]) -> None:
        """Judge a group of readings; called before any other listener."""
        changes = self._interlocks.readings(group)
        if changes:
            self._apply(changes)
        if self._interlocks.moved:
            self._arm()

    def flag(self, signal: str, on: bool) -> None:
        """Wake or put to sleep the rows that hold only while ``signal`` is true."""
        self._apply(self._interlocks.flag(signal, on, asyncio.get_running_loop().time()))
        self._arm()

    def start(self) -> None:
        """Begin to watch for silence."""
        self._arm()

    def stop(self) -> None:
        """Stop watching for silence."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        """Set the timer for the next moment at which silence or a delay matters.

        Readings only move that moment later, so the timer is left alone by most of them.
        """
        self.stop()
        deadline = self._interlocks.next_deadline()
        if deadline is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(deadline, self._fire, deadline)

    def _fire(self, deadline: float) -> None:
        now = max(deadline, asyncio.get_running_loop().time())
        changes = self._interlocks.tick(now)
        if (stood_s := now - deadline) > STOOD_STILL_S:
            log.error("daemon.stood_still", for_s=round(stood_s, 1), why=STOPPED)
            note = f"; taylord itself stood still for {stood_s:.3g} s: {STOPPED}"
            changes = [_noted(change, note) for change in changes]
        self._apply(changes)
        self._arm()

    def _apply(self, changes: Sequence[Change]) -> None:
        trips = [_cause(c, c.violation) for c in changes if c.violation and c.action == "trip"]
        for cause in trips:
            self._pull(cause)
        if trips:  # told after the first bytes of the safe state are on their way
            asyncio.get_running_loop().call_soon(self._announce_all, changes)
        else:
            self._announce_all(changes)

    def _announce_all(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self._announce(change)

    def _announce(self, change: Change) -> None:
        name = change.row.name
        if change.violation is None:
            self._alarms.returned(name)
            return
        self._alarms.raise_(
            name,
            change.violation.message,
            priority=PRIORITIES[change.action],
            latching=change.row.latching,
            action=change.action,
        )


def _noted(change: Change, note: str) -> Change:
    """Return a change whose message has a note more; one without a message as it is."""
    found = change.violation
    noted = None if found is None else replace(found, message=found.message + note)
    return replace(change, violation=noted)


def _cause(change: Change, found: Violation) -> Cause:
    return Cause(change.row.name, found.message, change.row.signal, found.value, found.threshold)
