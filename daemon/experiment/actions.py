"""How the steps of a recipe act: through the guard, judged by the volume clocks.

Every wait is a nap of at most a few seconds that a hold or an abort ends at once. A fault of a pump
or the thermostat is raised as it comes; what becomes of the experiment is the executor's business.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from daemon.events import EventBus
from daemon.experiment.approach import FOLLOWS_NOT, Approach
from daemon.experiment.faults import ExperimentFailed, HoldAsked
from daemon.experiment.reach import Reach
from daemon.experiment.recipe import (
    REFILL_FLOW,
    CoolDown,
    Flush,
    Heat,
    HeatOff,
    Refill,
    Rinse,
    StartFlows,
    StopPumps,
    Trickle,
)
from daemon.experiment.settling import FRESH_S, is_ready, not_held
from daemon.experiment.watch import DEGC, Watch
from daemon.rig.api import RigPort
from daemon.rig.parts import is_syringe_pump
from daemon.rig.ways import Way, ways
from daemon.settings.models import Settings
from drivers.errors import InstrumentError

NAP_S = 2.0  # the longest nap while something is waited for
SHORT_NAP_S = 0.25
GRACE_S = 15.0  # a pump or the thermostat may be away this long
RECONNECT_S = 900.0  # an analyser may be away this long before the experiment fails
ATTEMPTS = 2  # at one acquisition: DOMAIN 8.7


@dataclass
class Actions:
    """The hands of the executor; one per rig."""

    settings: Settings
    rig: RigPort
    events: EventBus
    watch: Watch
    reach: Reach

    def __post_init__(self) -> None:
        self.poke = asyncio.Event()  # set to end a nap early
        self.hold_asked = False
        self._down_since: float | None = None
        self._unknown_since: float | None = None  # a valve that something flows through
        self.setpoint_degc: float | None = None  # as the thermostat read it back
        self._pump_of = {feed.name: feed.pump for feed in self.settings.feeds}
        self._ways = ways(self.settings)

    # -- waiting ------------------------------------------------------------------------------

    async def nap(self, seconds: float) -> None:
        """Sleep; raise HoldAsked as soon as a hold is asked for."""
        self.check_hold()
        try:
            async with asyncio.timeout(seconds):
                await self.poke.wait()
        except TimeoutError:
            return
        self.poke.clear()
        self.check_hold()

    def down(self) -> list[str]:
        """Return the instruments experiments need that cannot be commanded now."""
        return [name for name in self._needed() if not self.rig.connected(name)]

    def unready(self) -> list[str]:
        """Return why no experiment may start with connected instruments, a sentence for each."""
        told = {name: self.rig.unready(name) for name in self._needed()}
        return [f"{name} {why}" for name, why in told.items() if why]

    def uses(self, instrument: str) -> bool:
        """Return whether experiments command this instrument."""
        return instrument in self._needed()

    def _needed(self) -> list[str]:
        settings = self.settings
        names = [*self._pump_of.values(), *(way.valve for way in self._ways.values())]
        names += [settings.reactor.thermostat] if settings.reactor is not None else []
        names += [settings.analysis.instrument] if settings.analysis is not None else []
        return list(dict.fromkeys(names))

    async def nap_connected(self, seconds: float) -> None:
        """Sleep; fail the experiment when a pump, a valve or the thermostat stays away."""
        await self.nap(seconds)
        self.check_ways()
        if other := [f"{n} {why}" for n in self._needed() if (why := self.rig.exchanged(n))]:
            raise ExperimentFailed("; ".join(other), blameless=True)
        now = asyncio.get_running_loop().time()
        analyser = self.settings.analysis.instrument if self.settings.analysis is not None else ""
        down = [name for name in self.down() if name != analyser]
        if not down:
            self._down_since = None
            return
        self._down_since = now if self._down_since is None else self._down_since
        if now - self._down_since > GRACE_S:
            why = f"lost for more than {GRACE_S:g} s: {', '.join(down)}"
            raise ExperimentFailed(why, blameless=True)

    def check_hold(self) -> None:
        """Raise HoldAsked when a hold is asked for."""
        if self.hold_asked:
            raise HoldAsked("hold")

    # -- flows --------------------------------------------------------------------------------

    async def set_flow(self, feed: str, ml_min: float) -> None:
        """Set one feed's flow and tell its volume clock; nothing is sent when it runs so.

        A feed behind a valve has it turned, and seen there, before its pump runs. A feed that
        shares its pump with others, and is not drawn, stands already.
        """
        if ml_min == 0 and self.watch.stands(feed):
            return
        way = self._ways.get(feed)
        if ml_min > 0 and way is not None and not self._is_open(way):
            await self._open(way)
        if ml_min == self.watch.clocks.meters[feed].flow_ml_min and self.watch.confirmed(feed):
            return
        read_back = await self.rig.guard.set_flow(self._pump_of[feed], ml_min)
        self.watch.step(feed, read_back)

    async def _open(self, way: Way) -> None:
        """Turn the valve; that it does not turn is no fault of the conditions."""
        try:
            await self.rig.guard.turn(way.valve, way.position)
        except InstrumentError as error:
            raise ExperimentFailed(str(error), blameless=True) from error

    def _is_open(self, way: Way) -> bool:
        return self.rig.latest(way.signal).value == way.position  # a stale reading has no value

    def check_ways(self) -> None:
        """Fail the experiment when a valve is not, or not known to be, where a feed flows through.

        It is no fault of the conditions.
        """
        unknown = False
        for feed, way in self._ways.items():
            if not self.watch.clocks.meters[feed].flow_ml_min:
                continue
            at = self.rig.latest(way.signal).value
            unknown |= at is None
            if at is not None and at != way.position:
                why = f"{way.valve} is at {at}, and feed {feed} flows through {way.position}"
                raise ExperimentFailed(why, blameless=True)
        self._check_known(unknown)

    def _check_known(self, unknown: bool) -> None:
        now = asyncio.get_running_loop().time()
        since = now if self._unknown_since is None else self._unknown_since
        self._unknown_since = since if unknown else None
        if unknown and now - since > GRACE_S:
            valves = ", ".join(dict.fromkeys(way.valve for way in self._ways.values()))
            why = f"no position for more than {GRACE_S:g} s, and feeds flow through: {valves}"
            raise ExperimentFailed(why, blameless=True)

    async def set_flows(self, flows: Mapping[str, float], first: tuple[str, ...] = ()) -> None:
        """Set all feeds: those that stop go first, then ``first``, then the rest; others stop."""
        wanted = {feed.name: flows.get(feed.name, 0.0) for feed in self.settings.feeds}
        order = sorted(wanted, key=lambda name: (wanted[name] > 0, name not in first))
        for feed in order:
            await self.set_flow(feed, wanted[feed])

    async def trickle(self, step: Trickle) -> None:
        """Reagents off, the trickle of solvent on."""
        await self.set_flows(step.flows)

    async def start_flows(self, step: StartFlows) -> None:
        """Diluent first, then the other feeds."""
        await self.set_flows(step.flows, step.first)

    async def stop_pumps(self, _: StopPumps | None = None) -> None:
        """Stop every pump; the first fault is raised after all have been told."""
        faults: list[InstrumentError] = []
        for feed, pump in self._pump_of.items():
            try:
                self.watch.step(feed, await self.rig.guard.set_flow(pump, 0.0))
            except InstrumentError as error:
                faults.append(error)
        if faults:
            raise faults[0]

    async def refill(self, step: Refill) -> None:
        """Fill each syringe that holds less than is needed; its pump stands still meanwhile."""
        for feed, name in self._pump_of.items():
            pump = self.rig.instrument(name)
            need = step.need_ml.get(name, 0.0)
            if not is_syringe_pump(pump) or need <= 0:
                continue
            remaining = await pump.remaining_ml()
            if remaining < need:
                await self.set_flow(feed, 0.0)
                flow = min(REFILL_FLOW, pump.max_flow_ml_min)
                await self.rig.guard.refill(name, pump.capacity_ml - remaining, flow)

    # -- heat ---------------------------------------------------------------------------------

    async def heat(self, step: Heat) -> None:
        """Set the temperature and wait until it is held; a timeout fails the experiment.

        So does a thermostat that comes no nearer for long. One that does not follow at all is no
        fault of the conditions, and is told.
        """
        loop = asyncio.get_running_loop()
        self.setpoint_degc = await self.rig.guard.set_temperature(step.thermostat, step.degc)
        deadline = loop.time() + step.timeout_s
        approach = Approach(step.degc, loop.time(), step.timeout_s)
        while not is_ready(self.watch.temperatures, loop.time(), step):
            now = loop.time()
            if recent := self.watch.temperatures.between(now - FRESH_S, now, DEGC):
                approach.look(recent[-1], now)
            if approach.stalled(now):
                self._not_there(approach, approach.told(step.thermostat, now))
            if now >= deadline:
                shown = self.watch.temperatures.columns.get(DEGC, [])
                self._not_there(approach, not_held(step, shown))
            await self.nap_connected(NAP_S)

    def _not_there(self, approach: Approach, why: str) -> NoReturn:
        if not approach.follows:
            self.events.emit("decision", what=FOLLOWS_NOT, why=why)
        raise ExperimentFailed(why, blameless=not approach.follows)

    async def heat_off(self, step: HeatOff) -> None:
        """Switch temperature control off."""
        await self.rig.guard.heat_off(step.thermostat)

    async def cool_down(self, step: CoolDown) -> None:
        """Keep the solvent flowing until it is cool; give up, and say so, at the timeout."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + step.timeout_s
        while loop.time() < deadline and self.rig.connected(step.thermostat):
            recent = self.watch.temperatures.between(loop.time() - 60.0, loop.time(), DEGC)
            if recent and recent[-1] < step.below_degc:
                return
            await self.nap(NAP_S)
        self.events.emit(
            "decision",
            what="shutdown.warm",
            reason=f"{step.thermostat} was not seen below {step.below_degc:g} degC",
        )

    # -- flow through the reactor -------------------------------------------------------------

    async def flush(self, step: Flush) -> None:
        """Pump solvent until the volume has passed by the volume clocks."""
        clocks = self.watch.clocks
        start = clocks.total_ml
        await self.set_flows(step.flows)
        patience = self._patience("flush", "the solvent", sum(step.flows.values()), step.volume_ml)
        while patience(clocks.total_ml - start):
            await self.nap(NAP_S)

    async def rinse(self, step: Rinse) -> None:
        """Pump each feed until its line holds nothing of the feed that had the pump before.

        Fails when the valve is seen to leave the feed, as when an instrument stays away.
        """
        for feed, flow in step.flows.items():
            volume = step.volumes_ml[feed]
            if self.watch.in_line_ml(feed) >= volume:
                continue
            pump = self._pump_of[feed]
            solvent = {n: q for n, q in step.solvent.items() if self._pump_of[n] != pump}
            await self.set_flows({**solvent, feed: flow})
            patience = self._patience(f"rinse of {feed}", "its bottle", flow, volume)
            while patience(self.watch.in_line_ml(feed)):
                await self.nap_connected(NAP_S)

    def _patience(
        self, what: str, source: str, ml_min: float, need_ml: float
    ) -> Callable[[float], bool]:
        """Return a function of what was pumped, mL: whether to wait on; it fails when too long."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + 60.0 + 2.0 * 60.0 * need_ml / max(ml_min, 1e-9)

        def goes_on(pumped_ml: float) -> bool:
            if pumped_ml >= need_ml or ml_min <= 0:
                return False
            if loop.time() > deadline:
                raise ExperimentFailed(
                    f"{what}: {pumped_ml:.3g} of {need_ml:.3g} mL were pumped;"
                    f" is {source} empty or the line blocked?"
                )
            return True

        return goes_on
