"""What a daemon that died has left acting is stopped before anything else is done with it."""

import structlog

from daemon.events import EventBus
from daemon.rig.parts import is_analyser, is_valve
from drivers.roles import Instrument

log = structlog.get_logger(__name__)

WHY = "the last start ended without making the rig safe"


class Leftover:
    """One instrument that may still pump or heat as an earlier start has left it.

    Polling it would feed its own watchdog, and so keep it going with nobody in charge. Valves stay
    where they are.
    """

    def __init__(self, instrument: Instrument, events: EventBus, *, acting: bool) -> None:
        self._instrument, self._events = instrument, events
        self._acting = acting and not is_valve(instrument) and not is_analyser(instrument)

    async def stop(self) -> None:
        """Stop it, once; raise InstrumentError when it does not confirm."""
        if not self._acting:
            return
        name = self._instrument.name
        await self._instrument.make_safe()
        self._acting = False
        self._events.emit("decision", what="made safe at the start", instrument=name, why=WHY)
        log.warning("instrument.made_safe", instrument=name, why=WHY)
