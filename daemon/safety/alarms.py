"""Alarms and their states after ISA-18.2: active, acknowledged, cleared.

An alarm is raised by a condition (an interlock row, a faulty instrument, a safe state that could
not be confirmed). A latching alarm stays until a person has acknowledged it *and* its condition has
returned to normal; the others clear themselves. Every change is one ``alarm`` event.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

from daemon.errors import BadRequest
from daemon.events import EventBus

AlarmState = Literal["active", "acknowledged", "cleared"]
Concern = Literal["rig", "campaign"]
Priority = Literal["low", "medium", "high"]


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm; ``standing`` while its condition holds."""

    id: str
    name: str
    priority: Priority
    message: str
    state: AlarmState = "active"
    standing: bool = True
    latching: bool = True
    action: str = "warn"  # what it asks for: warn, hold or trip
    concerns: Concern = "rig"  # one that concerns the rig makes the sample in it a suspect one

    @property
    def unack(self) -> bool:
        """Return whether a person still has to acknowledge it."""
        return self.state == "active"


class Alarms:
    """The alarms of a rig that are not normal, by id."""

    def __init__(self, events: EventBus) -> None:
        self._events = events
        self._alarms: dict[str, Alarm] = {}

    def all(self) -> tuple[Alarm, ...]:
        """Return every alarm that is active or acknowledged."""
        return tuple(self._alarms.values())

    def raise_(
        self,
        alarm_id: str,
        message: str,
        *,
        priority: Priority = "medium",
        latching: bool = True,
        action: str = "warn",
        concerns: Concern = "rig",
    ) -> None:
        """Raise an alarm, or raise it again; one that stands already with that action is left."""
        held = self._alarms.get(alarm_id)
        if held is not None and held.standing and held.action == action:
            return
        alarm = Alarm(
            alarm_id,
            alarm_id,
            priority,
            message,
            latching=latching,
            action=action,
            concerns=concerns,
        )
        self._alarms[alarm_id] = alarm
        self._emit(alarm)

    def reword(self, alarm_id: str, message: str) -> None:
        """Say anew why an alarm stands; who has acknowledged it has done so."""
        held = self._alarms.get(alarm_id)
        if held is not None and held.message != message:
            self._alarms[alarm_id] = replace(held, message=message)
            self._emit(self._alarms[alarm_id])

    def returned(self, alarm_id: str) -> None:
        """Note that the condition is normal again; clears unless it waits for a person."""
        held = self._alarms.get(alarm_id)
        if held is None or not held.standing:
            return
        if held.latching and held.unack:
            self._alarms[alarm_id] = replace(held, standing=False)
            return
        self._clear(held)

    def acknowledge(self, alarm_id: str) -> None:
        """Acknowledge one alarm; raise BadRequest, naming the alarms there are, when unknown."""
        held = self._alarms.get(alarm_id)
        if held is None:
            known = ", ".join(sorted(self._alarms)) or "none"
            raise BadRequest(f"no alarm {alarm_id!r}; alarms now: {known}")
        if not held.unack:
            return
        if not held.standing:
            self._clear(held)
            return
        self._alarms[alarm_id] = replace(held, state="acknowledged")
        self._emit(self._alarms[alarm_id])

    def _clear(self, alarm: Alarm) -> None:
        del self._alarms[alarm.id]
        self._emit(replace(alarm, state="cleared", standing=False))

    def _emit(self, alarm: Alarm) -> None:
        self._events.emit("alarm", **alarm_document(alarm))


def alarm_document(alarm: Alarm) -> dict[str, Any]:
    """Return the alarm as in events and in the state message."""
    return {
        "id": alarm.id,
        "name": alarm.name,
        "state": alarm.state,
        "unack": alarm.unack,
        "standing": alarm.standing,
        "priority": alarm.priority,
        "action": alarm.action,
        "concerns": alarm.concerns,
        "message": alarm.message,
    }
