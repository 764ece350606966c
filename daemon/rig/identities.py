"""Who answers as each instrument, over outages and starts: adapters get swapped, or other names.

An instrument that answers otherwise than before calls a person. Where something of the rig acts by
it, experiments wait until somebody has seen it, or the one of before is back: another pump may hold
another stock, another thermostat another reactor. Two of one make that tell no serial number cannot
be told apart.
"""

from collections.abc import Collection, Mapping

import structlog

from daemon.safety.alarms import Alarms

log = structlog.get_logger(__name__)

EXCHANGED = (
    "{0} was {1!r}, and is {2!r} since it is back: look whether calibration, syringe and settings"
    " are those of the configuration, then {3}"
)
NOT_SEEN = "was exchanged: it is {0!r} now (look at it, then {1})"
ACKNOWLEDGE = "acknowledge the alarm"
RESTART = "restart taylord: without MQTT that acknowledges it"


class Identities:
    """Those of one rig; ``known`` are of the last start, ``acting`` the names of those that act.

    ``seen`` says what a person does who has looked at one that was exchanged.
    """

    def __init__(
        self,
        alarms: Alarms,
        known: Mapping[str, str],
        acting: Collection[str],
        seen: str = ACKNOWLEDGE,
    ) -> None:
        self._alarms, self._acting, self._seen = alarms, acting, seen
        self._accepted = dict(known)
        self.latest: dict[str, str] = {}

    def answered(self, name: str, identity: str) -> None:
        """Take who answers now; call a person to one that is not the one it was."""
        self._accept_what_was_seen()
        before = self._accepted.setdefault(name, identity)
        self.latest[name] = identity
        if identity == before:
            return
        log.error("instrument.exchanged", instrument=name, was=before, now=identity)
        self._alarms.raise_(_alarm(name), EXCHANGED.format(name, before, identity, self._seen))
        self._alarms.returned(_alarm(name))  # it waits for a person only

    def exchanged(self, name: str) -> str:
        """Return why nothing is to act by an instrument that nobody has looked at, or ""."""
        self._accept_what_was_seen()
        now = self.latest.get(name, "")
        other = name in self._acting and now and now != self._accepted[name]
        return NOT_SEEN.format(now, self._seen) if other else ""

    @property
    def accepted(self) -> dict[str, str]:
        """Return who each instrument is held to be."""
        self._accept_what_was_seen()
        return dict(self._accepted)

    def _accept_what_was_seen(self) -> None:
        standing = {alarm.id for alarm in self._alarms.all()}
        for name, identity in self.latest.items():
            if _alarm(name) not in standing:
                self._accepted[name] = identity


def _alarm(name: str) -> str:
    return f"{name} exchanged"
