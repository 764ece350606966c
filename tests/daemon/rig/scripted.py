"""A rig of scripted instruments: they do what a test says, and write down what reaches them."""

import asyncio
from contextlib import asynccontextmanager
from typing import ClassVar

from daemon.events import EventBus
from daemon.rig.rig import Rig
from daemon.settings.models import Settings
from drivers.errors import LinkLost, NoReply
from drivers.signal import Lane, Limits, Quality, Reading, SignalSpec


class ScriptedLink:
    """One line; ``refuses`` makes opening fail."""

    def __init__(self, port):
        self.port, self.refuses, self.is_open = port, False, False
        self.opened = self.closed = 0

    async def open(self):
        if self.is_open:
            return
        if self.refuses:
            raise OSError("connection refused")
        self.opened += 1
        self.is_open = True

    async def close(self):
        self.closed += self.is_open
        self.is_open = False

    def unplug(self):
        self.is_open, self.refuses = False, True


class ScriptedSignal:
    def __init__(self, instrument, spec):
        self.owner, self.spec = instrument, spec
        self.full_name = f"{instrument.name}.{spec.name}"

    async def read(self, lane=Lane.POLL):
        (reading,) = await self.owner.poll([self.spec.name])
        return reading

    async def set(self, value, lane=Lane.COMMAND):
        await self.owner.exchange(f"{self.spec.name}={value}")
        self.owner.values[self.spec.name] = value
        return Reading(self.full_name, value, self.spec.unit, asyncio.get_running_loop().time())


class AnyOptions:
    """Options of a scripted driver: whatever is given."""

    @staticmethod
    def model_validate(options):
        return options


class Scripted:
    """Common to all: ``values`` are what it reads, ``log`` what reached it, ``fault`` what it does.

    ``fault`` is raised by every exchange; ``silent`` makes an exchange take the deadline of 1 s and
    end in NoReply; ``takes_s`` is how long a good exchange takes.
    """

    Options = AnyOptions
    specs = ()
    values: ClassVar = {}

    @classmethod
    def signal_specs(cls, options):
        return {spec.name: spec for spec in cls.specs}

    def __init__(self, name, link, limits):
        self.name, self.link = name, link
        self.values = dict(type(self).values)
        self.log, self.fault, self.silent, self.takes_s = [], None, False, 0.01
        self.identity, self.own_alarm = f"scripted {name}", None
        self.signals = {
            spec.name: ScriptedSignal(self, _narrowed(spec, limits.get(spec.name)))
            for spec in self.specs
        }

    async def exchange(self, what, note=True):
        if not self.link.is_open:
            raise LinkLost(self.name, "the line is gone")
        if self.silent:
            await asyncio.sleep(1.0)
            raise NoReply(self.name, what.encode(), 1.0)
        await asyncio.sleep(self.takes_s)
        if not self.link.is_open:
            raise LinkLost(self.name, "the line is gone")
        if self.fault is not None:
            raise self.fault
        if note:
            self.log.append((asyncio.get_running_loop().time(), what))

    @property
    def done(self):
        return [what for _, what in self.log]

    async def identify(self):
        await self.exchange("who", note=False)
        return self.identity

    async def prepare(self):
        await self.exchange("prepare", note=False)

    async def check(self):
        await self.exchange("check", note=False)
        if self.own_alarm is not None:
            raise self.own_alarm

    async def poll(self, names):
        await self.exchange("poll", note=False)
        now = asyncio.get_running_loop().time()
        return [self.reading(name, now) for name in names]

    def reading(self, name, now):
        spec, value = self.signals[name].spec, self.values[name]
        full = f"{self.name}.{name}"
        if value is None:
            return Reading(full, None, spec.unit, now, Quality.BAD, "nan")
        return Reading(full, value, spec.unit, now)

    async def make_safe(self):
        await self.exchange("safe")


def _narrowed(spec, limits):
    if limits is None:
        return spec
    own = limits if spec.limits is None else spec.limits.narrowed(limits)
    return SignalSpec(
        spec.name, spec.kind, spec.unit, spec.writable, own, spec.poll_s, spec.doc, spec.choices
    )


class ScriptedPump(Scripted):
    specs = (
        SignalSpec("flow", float, "mL/min", writable=True, limits=Limits(0.0, 20.0)),
        SignalSpec("pressure", float, "bar"),
        SignalSpec("mode", str, writable=True, choices=("a", "b"), poll_s=None),
        SignalSpec("torque", int, "%", writable=True, limits=Limits(0, 100), poll_s=None),
    )
    values: ClassVar = {"flow": 0.0, "pressure": 1.0, "mode": "a", "torque": 50}
    max_flow_ml_min, min_flow_ml_min, flow_step_ml_min = 10.0, 0.001, 0.001
    holds = None  # reads this flow back, whatever was set

    async def set_flow(self, ml_min, lane=Lane.COMMAND):
        await self.exchange(f"flow={ml_min:g}")
        self.values["flow"] = ml_min
        return ml_min if self.holds is None else self.holds

    async def stop(self, lane=Lane.COMMAND):
        await self.exchange("stop")
        self.values["flow"] = 0.0

    async def make_safe(self):
        await self.exchange("safe")
        self.values["flow"] = 0.0


class ScriptedSyringe(ScriptedPump):
    refill_s = 30.0

    async def refill(self, volume_ml, flow_ml_min):
        await self.exchange(f"refill {volume_ml:g} at {flow_ml_min:g}")
        await asyncio.sleep(self.refill_s)
        await self.exchange("refilled")


class ScriptedBath(Scripted):
    specs = (
        SignalSpec("temperature", float, "degC"),
        SignalSpec("setpoint", float, "degC", writable=True, limits=Limits(-20.0, 200.0)),
        SignalSpec("running", bool, writable=True, poll_s=5.0),
    )
    values: ClassVar = {"temperature": 25.0, "setpoint": 25.0, "running": False}
    holds = None

    @property
    def temperature(self):
        return self.signals["temperature"]

    async def set_temperature(self, degc, lane=Lane.COMMAND):
        await self.exchange(f"heat to {degc:g}")
        self.values |= {"setpoint": degc, "running": True}
        return degc if self.holds is None else self.holds

    async def heat_off(self, lane=Lane.COMMAND):
        await self.exchange("off")
        self.values["running"] = False


class ScriptedAnalyser(Scripted):
    specs = (SignalSpec("busy", bool, poll_s=None),)
    values: ClassVar = {"busy": False}

    async def acquire(self, label):
        await self.exchange(f"acquire {label}")
        await asyncio.sleep(60.0)
        return "a spectrum"


class ScriptedValve(Scripted):
    specs = (SignalSpec("position", int, writable=True, limits=Limits(1, 6)),)
    values: ClassVar = {"position": 1}
    positions, holds = 6, None

    async def turn(self, position, lane=Lane.COMMAND):
        await self.exchange(f"turn to {position}")
        self.values["position"] = position
        return position if self.holds is None else self.holds


KINDS = {
    "valve": ScriptedValve,
    "pump": ScriptedPump,
    "syringe": ScriptedSyringe,
    "bath": ScriptedBath,
    "analyser": ScriptedAnalyser,
}


class ScriptedLines:
    """Stands where ``drivers.registry.Lines`` stands."""

    def __init__(self):
        self.links, self.instruments, self.closed = {}, {}, False

    def instrument(self, name, driver, port, options, limits):
        link = self.links.setdefault(port, ScriptedLink(port))
        self.instruments[name] = KINDS[driver](name, link, limits)
        return self.instruments[name]

    def link(self, instrument):
        return self.instruments[instrument].link

    async def open(self, instrument):
        try:
            await self.link(instrument).open()
        except OSError as error:
            raise LinkLost(instrument, str(error)) from error

    async def close(self):
        self.closed = True
        for link in self.links.values():
            await link.close()


SETTINGS = {
    "name": "test",
    "instruments": {
        "pump-a": {"driver": "pump", "port": "a", "limits": {"flow": [0.0, 5.0]}},
        "pump-b": {"driver": "syringe", "port": "b"},
        "bath": {"driver": "bath", "port": "c", "limits": {"setpoint": [0.0, 140.0]}},
        "nmr": {"driver": "analyser", "port": "d"},
    },
    "reactor": {"volume_ml": 1.0, "inner_diameter_mm": 0.8, "thermostat": "bath"},
}


class Bench:
    """A scripted rig with what it has told."""

    def __init__(self, commit=None, left_acting=False, **changes):
        self.settings = Settings.model_validate(SETTINGS | changes)
        self.lines, self.events = ScriptedLines(), EventBus()
        more = {} if commit is None else {"commit": commit}
        self.told, self.readings = [], []
        self.events.on_event(self.told.append)
        self.rig = Rig(self.settings, self.lines, self.events, left_acting=left_acting, **more)
        self.events.on_readings(self.readings.extend)
        self.guard = self.rig.guard

    def __getitem__(self, name):
        return self.lines.instruments[name]

    def of(self, kind, **match):
        """Return the events of a kind whose data match."""
        wanted = match.items()
        return [
            e.data
            for e in self.told
            if e.kind == kind and all(e.data.get(k) == v for k, v in wanted)
        ]

    def states(self, instrument):
        """Return the connection states told of an instrument."""
        return [data["state"] for data in self.of("connection", instrument=instrument)]


@asynccontextmanager
async def running(bench):
    """Run the rig until the block ends."""
    task = asyncio.create_task(bench.rig.run(), name="rig")
    try:
        await bench.rig.first_attempts()
        await asyncio.sleep(1.5)
        yield bench
    finally:
        task.cancel()
        await asyncio.wait([task])
    if not task.cancelled():
        task.result()
