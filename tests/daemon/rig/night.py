"""A rig of one pump in real time, on a port of this machine, and what it has told."""

import asyncio

from daemon.events import EventBus
from daemon.rig.rig import Rig
from daemon.settings.models import Settings
from drivers.registry import Lines
from simulators.instruments.azura import SimAzuraPump
from simulators.wire.line import Line, Station
from tests.drivers.instruments.rig import simulated

BACK_WITHIN_S = 2.0


class Night:
    """A rig of one pump at a port, and what it has told."""

    def __init__(self, port, driver="knauer-azura-pump", **options):
        self.events, self.told = EventBus(), []
        instrument = {"driver": driver, "port": port, "poll_s": 0.1, "timeout_s": 0.3, **options}
        settings = Settings.model_validate({"name": "night", "instruments": {"pump": instrument}})
        self.rig = Rig(settings, Lines(), self.events)
        self.events.on_event(self.told.append)

    async def __aenter__(self):
        self._task = asyncio.create_task(self.rig.run(), name="rig")
        await self.rig.first_attempts(5)
        return self

    async def __aexit__(self, *_):
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.result()

    @property
    def connection(self):
        return self.rig.connections()["pump"]

    def tells(self):
        return [(e.data["state"], e.data["message"]) for e in self.told if e.kind == "connection"]

    async def becomes(self, up, within_s=BACK_WITHIN_S):
        """Wait until the pump has answered a poll since it was connected, or is down."""
        async with asyncio.timeout(within_s):
            while self.rig.connected("pump") != up or (up and self.tells()[-1][0] != "connected"):
                await asyncio.sleep(0.01)


def pump(part):
    return Line("pump", [Station(simulated(SimAzuraPump, "pump", part))], "serial")
