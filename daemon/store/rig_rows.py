"""The rows of what happens to the rig itself: commands, trips, alarms and connections."""

from dataclasses import dataclass
from typing import Any

from daemon.events import Event
from daemon.store.documents import clean, to_json
from daemon.store.telemetry import Statement


@dataclass(frozen=True, slots=True)
class Noted:
    """Where an event is kept: of which start, and its number."""

    boot: str
    seq: int


def command_rows(event: Event, time_utc: str, note: Noted) -> list[Statement]:
    """Return the row of a command, which is told twice: as it is taken, and with its outcome."""
    data = event.data
    reply = data.get("reply")
    row: Statement = (
        "INSERT INTO commands (id, origin, boot, verb, arguments, outcome, message,"
        " reply, time_utc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (boot, origin, id, verb) DO UPDATE SET outcome = excluded.outcome,"
        " message = excluded.message, reply = excluded.reply, finished = excluded.time_utc",
        (
            clean(data.get("id", "")),
            clean(data.get("origin", "")),
            note.boot,
            clean(data.get("verb", "")),
            to_json(data.get("arguments") or {}),
            clean(data.get("outcome", "")),
            optional(data.get("message") or None),
            None if reply is None else to_json(reply),
            time_utc,
        ),
    )
    return [row]


def trip_rows(event: Event, time_utc: str, note: Noted) -> list[Statement]:
    """Return the row of a trip, or what its reset changes."""
    data = event.data
    if data.get("state") == "reset":
        closed = "UPDATE trips SET state = 'reset', reset_utc = ? WHERE state != 'reset'"
        return [(closed, (time_utc,))]
    row: Statement = (
        "INSERT OR REPLACE INTO trips (n, boot, time_utc, name, signal, value, threshold,"
        " action, state, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            note.seq,
            note.boot,
            time_utc,
            clean(data.get("name", "")),
            optional(data.get("signal")),
            number_of(data.get("value")),
            number_of(data.get("threshold")),
            optional(data.get("action")),
            clean(data.get("state", "tripped")),
            to_json(data),
        ),
    )
    return [row]


def alarm_rows(event: Event, time_utc: str, _: Noted) -> list[Statement]:
    """Return the row of an alarm as it stands."""
    data = event.data
    row: Statement = (
        "INSERT OR REPLACE INTO alarms (id, name, state, priority, message, time_utc)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            clean(data.get("id", data.get("name", ""))),
            optional(data.get("name")),
            clean(data.get("state", "")),
            optional(data.get("priority")),
            optional(data.get("message")),
            time_utc,
        ),
    )
    return [row]


def connection_rows(event: Event, time_utc: str, _: Noted) -> list[Statement]:
    """Return the row of an instrument's connection as it stands."""
    data = event.data
    row: Statement = (
        "INSERT OR REPLACE INTO connections (instrument, state, message, time_utc)"
        " VALUES (?, ?, ?, ?)",
        (
            clean(data.get("instrument", "")),
            clean(data.get("state", "")),
            optional(data.get("message")),
            time_utc,
        ),
    )
    return [row]


def optional(value: Any) -> str | None:
    """Return a text without what a record cannot hold; None stays."""
    return None if value is None else clean(value)


def number_of(value: Any) -> float | None:
    """Return a number; None for whatever is none."""
    return float(value) if isinstance(value, int | float) else None
