"""Who the instruments were at the last start, kept in the record.

Adapters may be named otherwise after a power cut (``/dev/ttyUSB0`` and ``1``, the other way round).
A section that was edited since, or a rig that was a simulated one, is not compared. Where there is
no MQTT nobody can acknowledge: a start then takes what the one before has told.
"""

import json
import tomllib

from daemon.app.last_known import instruments_of
from daemon.app.plan import RunPlan
from daemon.errors import ConfigError, StoreFailed
from daemon.events import Event
from daemon.rig.rig import Rig
from daemon.store.reader import Reader
from daemon.store.writer import Store

KEY = "identities"


def known_identities(plan: RunPlan) -> dict[str, str]:
    """Return who each instrument was whose section is as it was; nothing where none is known."""
    try:
        with Reader(plan.data) as reader:
            meta = reader.meta()
        was = instruments_of(tomllib.loads(meta.get("config") or ""))
        now = instruments_of(tomllib.loads(plan.config_text))
    except (ConfigError, StoreFailed, tomllib.TOMLDecodeError):
        return {}
    kept = json.loads(meta.get(KEY) or "{}")
    if kept.get("simulated") is not plan.simulate:
        return {}
    return {name: who for name, who in kept["of"].items() if was.get(name) == now.get(name, 0)}


class KeepIdentities:
    """Keeps who answers with every change; listens to the event stream."""

    def __init__(self, plan: RunPlan, rig: Rig, store: Store) -> None:
        self._plan, self._rig, self._store = plan, rig, store
        self._kept: dict[str, str] = {}
        rig.events.on_event(self._on_event)

    def _on_event(self, event: Event) -> None:
        if event.kind not in {"connection", "alarm"}:
            return
        who = self._rig.identities
        of = (
            who.accepted if self._plan.settings.mqtt is not None else {**who.accepted, **who.latest}
        )
        if of != self._kept:
            self._kept = of
            self._store.keep(KEY, {"simulated": self._plan.simulate, "of": of})
