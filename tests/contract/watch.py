"""A bench whose line is hostile, beside a clean line to the same instrument that tells the truth.

The rule. A reading of a poll is either bad (no value) or exactly what the instrument would have
answered truthfully to this question, between question and deadline. The truth is what an observer
reads over a clean line of its own from the same simulated instrument, right before and right after
the poll; what a pump delivers is known to the plant itself. Each poll has an epoch of its own, in
which every sensor of the plant shows something else: a reply to another question, or an older one,
is a wrong value. A command that returns has been done, or the plant itself says that it was not.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf

import pytest

from drivers.errors import InstrumentError
from drivers.registry import Lines
from drivers.roles import FlowController, Pump, SyringePump, Thermostat, Valve
from simulators.wire.hostile import whole
from simulators.wire.line import Line, Station
from simulators.wire.memory import MemoryEnd
from tests.contract.bench import Bench

ROLES = (Pump, SyringePump, Thermostat, Valve, FlowController)
HOSTILE_TRIES = 3  # to connect on a hostile line
HANG_S = 600.0  # no poll of a handful of signals may take so long, whatever the line does


@dataclass
class Findings:
    """What must not happen, and what is worth counting."""

    wrong: list[str] = field(default_factory=list)  # values that were not the truth
    overdue: list[str] = field(default_factory=list)  # exchanges that ended after their deadline
    polls: int = 0
    orders: int = 0
    faults: int = 0  # named errors
    values: int = 0  # good readings, all of them the truth
    bad: int = 0  # readings without a value


class Watched(Bench):
    """A bench with an observer; ``takes`` says whether a request gets through."""

    def __init__(self, case, tmp_path):
        super().__init__(case, tmp_path)
        self.found = Findings()
        self.takes = lambda: True
        self.prepared = True
        # asked once: looking for a protocol's methods takes longer than the rest of a poll
        self.roles = {role for role in ROLES if isinstance(self.instrument, role)}
        self._clean = Lines(self._dial_clean)
        self._clean_line = Line(case.port, [Station(self.sim)], case.framing)
        options = {**self.options, "echo": False} if "echo" in self.options else self.options
        self.observer = self._clean.instrument("i", case.driver, case.port, options, case.limits)
        self._watch_deadlines()

    def _dial(self, port, spec):
        end = super()._dial(port, spec)
        write = end.write

        async def write_or_lose(data):
            if self.takes():
                await write(data)
            else:
                self.sent.append(data)

        end.write = write_or_lose
        return end

    def _dial_clean(self, _port, spec):
        self._clean_line.baud = self.line.baud
        return MemoryEnd(self._clean_line)

    def _watch_deadlines(self):
        """Note every exchange that ends after the deadline counted from its turn."""
        bus = self.lines.link("i")
        exchange = bus.exchange

        async def watched(name, request, match, *, timeout_s, before=None, **more):
            loop = asyncio.get_running_loop()
            deadline = inf

            def mark():
                nonlocal deadline
                deadline = loop.time() + timeout_s
                if before is not None:
                    before()

            try:
                return await exchange(
                    name, request, match, timeout_s=timeout_s, before=mark, **more
                )
            finally:
                if loop.time() > deadline + 1e-6:
                    late_s = loop.time() - deadline
                    self.found.overdue.append(f"{request!r} ended {late_s:g} s late")

        bus.exchange = watched

    @property
    def exchanges(self):
        """Return how many requests were put on the hostile line."""
        return self.lines.link("i").counters.exchanges

    async def connect(self):
        await super().connect()
        await self._clean.open("i")
        await self.observer.identify()
        await self.observer.prepare()

    async def close(self):
        await super().close()
        await self._clean.close()

    def calm(self):
        """Let the line be a good one again."""
        self.line.trouble, self.takes, self.line.echo = whole, lambda: True, False
        self.line.disturb("i", "ok")

    async def truth(self, names):
        """Return what the observer reads now, and what the plant itself knows."""
        readings = await self.observer.poll(names)
        seen = dict(zip(names, (r.value for r in readings), strict=True))
        true = dict(seen)
        if Pump in self.roles:
            delivered = self.part.volume_ml
            known = {"flow": self.part.flow, "dispensed": delivered}
            if SyringePump in self.roles:
                known["remaining"] = max(0.0, self.instrument.capacity_ml - delivered)
            true |= {name: value for name, value in known.items() if name in true}
        return {name: (true[name], seen[name]) for name in names}

    async def poll(self, names=None):
        """Poll once on the hostile line in an epoch of its own; note values that are not true."""
        names = names or self.polled
        self.part.next_epoch()
        self.found.polls += 1
        before = await self.truth(names)
        try:
            async with asyncio.timeout(HANG_S):
                readings = await self.instrument.poll(names)
        except InstrumentError:
            self.found.faults += 1
            return
        after = await self.truth(names)
        for name, reading in zip(names, readings, strict=True):
            self._judge(name, reading.value, before[name], after[name])

    def _judge(self, name, value, before, after):
        if value is None:
            self.found.bad += 1
        elif is_true(value, before[0], after[0], self.step(name)) or is_true(
            value, before[1], after[1], 0.0
        ):  # the plant's truth, or the same in steps of the instrument
            self.found.values += 1
        else:
            truth = before[0] if before == after else f"{before[0]!r} to {after[0]!r}"
            self.found.wrong.append(f"{name} read {value!r}, the truth is {truth}")

    def step(self, name):
        """Return how far a true value may be from the plant's: the last digit on the wire."""
        plant = Pump in self.roles and name in {"flow", "dispensed", "remaining"}
        return 0.003 if plant else 0.0

    async def recover(self):
        """Do as the supervisor: when the line is gone, open it and prepare until that goes well.

        After a few attempts the line is a good one meanwhile, so that long preparations end.
        """
        trouble, takes, tries = self.line.trouble, self.takes, 0
        while self.lines.link("i").state != "open" or not self.prepared:
            self.prepared, tries = False, tries + 1
            if tries > HOSTILE_TRIES:
                self.calm()
            with suppress(InstrumentError):
                await Bench.connect(self)
                self.prepared = True
            await asyncio.sleep(0.5)
        self.line.trouble, self.takes = trouble, takes

    async def pause(self):
        """Let the line be quiet and good for so long that everything comes that may come."""
        trouble, self.line.trouble = self.line.trouble, whole
        await asyncio.sleep(12.0)
        await self.poll()
        self.line.trouble = trouble

    async def hostile_round(self, rng):
        """Give an order now and then, poll, and recover."""
        if self.acts and rng.random() < 0.2:
            await self.order(rng)
            await self.recover()
        await self.poll()
        await self.recover()

    async def order(self, rng):
        """Give one order to an actuator; note when it was confirmed and not done."""
        self.found.orders += 1
        try:
            async with asyncio.timeout(HANG_S):
                what, wanted, done = await self._ordered(rng)
        except InstrumentError:
            self.found.faults += 1
            return
        if wanted != done:
            self.found.wrong.append(f"{what} {wanted!r} was confirmed, the plant has {done!r}")

    async def _ordered(self, rng):
        instrument, part = self.instrument, self.part
        if Pump in self.roles:
            flow = rng.choice((0.0, 0.5, 1.0, 2.0))
            await instrument.set_flow(flow)
            return "flow", pytest.approx(flow, rel=2e-3), part.flow
        if Valve in self.roles:
            position = rng.randint(1, instrument.positions)
            await instrument.turn(position)
            return "position", position, part.at
        if FlowController in self.roles:
            flow = rng.choice((0.0, 0.5, 1.0, 2.0))
            await instrument.setpoint.set(flow)
            (held,) = await self.observer.poll(["setpoint"])
            return "setpoint", pytest.approx(flow, rel=2e-3, abs=1e-3), held.value
        if rng.random() < 0.3:
            await instrument.heat_off()
            return "heat off", True, part.goal is None or part.goal <= 25.0
        degc = rng.choice((40.0, 50.0, 60.0))
        await instrument.set_temperature(degc)
        return "setpoint", pytest.approx(degc), part.goal

    @property
    def acts(self):
        """Return whether there is something to order."""
        return bool(self.roles)


def is_true(value, before, after, step):
    """Return whether a value is the truth before or after, or, of a number that moves, between."""
    if value in (before, after):
        return True
    known = (value, before, after)
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in known):
        return False
    low, high = min(before, after), max(before, after)
    step += 1e-9 if step == 0 else 2e-3 * abs(value)
    return low - step <= value <= high + step and (step > 1e-6 or before != after)
