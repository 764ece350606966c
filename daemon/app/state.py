"""How the daemon stands, as one JSON-ready document (CONTRACT, MQTT, ``state``)."""

from collections.abc import Callable, Mapping
from typing import Any

from daemon.app.assembly import Parts
from daemon.campaign.awaited import awaited
from daemon.campaign.waiting import waits_for
from daemon.rig.still_on import still_on
from drivers.signal import Reading


def reading_document(reading: Reading, iso: Callable[[float], str]) -> dict[str, Any]:
    """Return one reading."""
    return {
        "signal": reading.signal,
        "value": reading.value,
        "unit": reading.unit,
        "t": iso(reading.t),
        "quality": str(reading.quality),
        "reason": reading.reason,
    }


def waits(parts: Parts) -> str:
    """Return what the campaign waits for; empty while something runs, or without a campaign."""
    if parts.campaign is None or parts.executor is None:
        return ""
    return waits_for(parts.campaign, [*parts.executor.missing(), *parts.executor.unready()])


def keep_for_status(parts: Parts, lines: Mapping[str, Any]) -> None:
    """Keep in the record how busy the lines are, what is on, and what is waited for."""
    now = {"t": parts.timebase.iso(), "boot": parts.store.boot}
    parts.store.keep("lines", {**now, "lines": lines})
    parts.store.keep("now", {**now, "on": still_on(parts.rig), "waits": waits(parts)})


def state_document(parts: Parts) -> dict[str, Any]:
    """Return rig and campaign state, what is in flight, trip, alarms, connections, progress."""
    campaign, executor, cause = parts.campaign, parts.executor, parts.rig.trip.cause
    running = executor.running if executor is not None else None
    return {
        "rig": "tripped" if cause is not None else "ready",
        "campaign": None
        if campaign is None
        else {
            "state": str(campaign.state),
            "reason": campaign.reason,
            "waits": waits(parts),
            "done": campaign.memory.done,
            "of": campaign.settings.experiments,
            "awaited": {}
            if executor is None
            else awaited(executor.late, campaign.memory.records.values()),
            "standing": None if campaign.standing is None else campaign.standing.document(),
        },
        "experiments": []
        if running is None or executor is None
        else [{"id": running.id, "state": executor.state, "requested": dict(running.requested)}],
        "suggestions": [] if campaign is None else list(campaign.memory.proposed),
        "on": still_on(parts.rig),
        "trip": None if cause is None else {"name": cause.name, "message": cause.message},
        "alarms": parts.rig.alarm_documents(),
        "connections": {
            name: {key: c[key] for key in ("state", "message", "unready")}
            for name, c in parts.rig.connections().items()
        },
        "lines": dict(parts.rig.lines.documents()),
        "reagents_left_ml": {} if executor is None else executor.left_ml(),
        "store": None if parts.store.failure is None else str(parts.store.failure),
    }
