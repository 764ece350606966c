"""Runs the example rig through the whole application, in virtual time."""

import asyncio
import json
from pathlib import Path

from daemon.app import serve
from daemon.app.assembly import assemble, simulated
from daemon.app.commands import RigCommands
from daemon.app.plan import RunPlan
from daemon.app.serve import run
from daemon.settings.load import parse, read_toml
from daemon.store.reader import Reader
from simulators import virtualtime

EXAMPLE = Path(__file__).parents[2] / "config" / "flow.toml"


def settings_of(experiments=3, **simulation):
    """Return the example's settings with fewer experiments and another simulation section."""
    raw = read_toml(EXAMPLE)
    raw.pop("mqtt")
    raw["campaign"]["experiments"] = experiments
    raw["simulation"] |= simulation
    settings, faults = parse(raw)
    assert not faults
    return settings


def day(data, settings, **options):
    """Run a plan in virtual time; return its outcome."""
    plan = {"simulate": True, "speed": "max", "once": True, "seed": 0, "restart": "new"} | options
    return run(RunPlan(settings, EXAMPLE.read_text(), Path(data), **plan), lambda _: None)


def begin(data, settings, text=None, restart="configured"):
    """Start a daemon in virtual time, and end it before it does anything."""
    text = EXAMPLE.read_text() if text is None else text
    plan = RunPlan(settings, text, Path(data), simulate=True, speed="max", restart=restart)

    async def start():
        with simulated(plan) as simulation:
            parts = assemble(plan, simulation)
            await parts.worker.stop()
            await parts.store.close()

    virtualtime.run(start(), speed="max")


def events(data, kind):
    """Return the documents of one kind of event, in order."""
    with Reader(data) as reader:
        rows = reader.rows("SELECT data FROM events WHERE kind = ? ORDER BY seq", kind)
        return [json.loads(row[0]) for row in rows]


class Stage:
    """A running daemon in virtual time, as those see it who command and disturb it."""

    def __init__(self, parts):
        self.parts, self.rig, self.campaign = parts, parts.rig, parts.campaign
        self.commands = RigCommands(parts)
        self.heard = []
        self._news = asyncio.Event()
        parts.events.on_event(self._hear)

    def _hear(self, event):
        self.heard.append((event.t, event.kind, dict(event.data)))
        self._news.set()

    async def until(self, kind, within=20_000, **fields):
        """Wait for an event from now on with these fields; return its document."""
        seen = len(self.heard)
        async with asyncio.timeout(within):
            while True:
                for _, heard, data in self.heard[seen:]:
                    if heard == kind and fields.items() <= data.items():
                        return data
                seen = len(self.heard)
                self._news.clear()
                await self._news.wait()

    async def step(self, name):
        """Wait until an experiment is in this step."""
        return await self.until("experiment", step=name)

    def told(self, kind, **fields):
        """Return the documents of one kind so far."""
        return [d for _, k, d in self.heard if k == kind and fields.items() <= d.items()]

    def disturb(self, instrument, condition):
        """Break or mend a wire."""
        self.parts.simulation.disturb(instrument, condition)

    @property
    def truth(self):
        return self.parts.simulation.world.truth()

    @property
    def flows(self):
        return {name: pump["flow"] for name, pump in self.truth["pumps"].items()}

    @property
    def safe(self):
        """Whether nothing is pumped and nothing heated, in truth."""
        goals = [heater["goal"] for heater in self.truth["heaters"].values()]
        return not any(self.flows.values()) and goals == [None] * len(goals)


def scenario(data, settings, script, **options):
    """Run the daemon in virtual time with somebody at its side; return the daemon's outcome.

    With ``once=False`` the end of the script is the end of the daemon.
    """
    plan = {"simulate": True, "speed": "max", "once": True, "seed": 0, "restart": "new"} | options
    plan = RunPlan(settings, EXAMPLE.read_text(), Path(data), **plan)

    async def main():
        with simulated(plan) as simulation:
            parts = assemble(plan, simulation)
            try:
                code, reason = await _beside(parts, script)
            finally:
                await parts.worker.stop()
                await parts.store.close()
            return serve._outcome(parts, code, reason, 0.0, 0.0)

    return virtualtime.run(main(), speed="max")


async def _beside(parts, script):
    stage = Stage(parts)
    daemon = asyncio.create_task(serve._run(parts), name="daemon")
    acting = asyncio.create_task(script(stage), name="script")
    await asyncio.wait([daemon, acting], return_when=asyncio.FIRST_COMPLETED)
    try:
        if acting.done():
            acting.result()
            if not parts.plan.once:
                daemon.cancel()  # it would serve for ever
        return await daemon
    except asyncio.CancelledError:
        return 0, "ended by the test"
    finally:
        acting.cancel()
        daemon.cancel()
        await asyncio.wait([acting, daemon])
