"""The executor: runs one experiment at a time, and leaves the rig in a known state after each.

An ``experiment`` event is emitted at every step and change of state. A hold ends the step at its
next wait: reagents stop, solvent trickles, the temperature stays; after a resume the recipe goes on
from the heating, and the volume clocks see to it that the fluid becomes steady anew. A skip or an
abort cancels the step at once. Faults of pumps or thermostat fail the experiment and make the rig
safe; a fault of the analyser is retried once and fails the experiment at a trickle.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog

from daemon.analysis.pipeline import Analysis
from daemon.errors import Refused, TaylordError, Tripped
from daemon.events import EventBus
from daemon.experiment.achieved import achieved
from daemon.experiment.actions import Actions, RawSink
from daemon.experiment.binding import Bound
from daemon.experiment.faults import Afterwards, ExperimentFailed, HoldAsked, StartAgain
from daemon.experiment.feasibility import check
from daemon.experiment.reach import Reach, reach_of
from daemon.experiment.recipe import (
    CoolDown,
    Flush,
    Heat,
    HeatOff,
    Recipe,
    Refill,
    Sample,
    StartFlows,
    Step,
    StopPumps,
    Trickle,
    WaitSteady,
    campaign_of,
    experiment_recipe,
    flush_recipe,
    shutdown_recipe,
    trickle_flows,
)
from daemon.experiment.record import ExperimentRecord, Status
from daemon.experiment.run import Run, RunState
from daemon.experiment.watch import Watch
from daemon.rig.api import RigPort
from daemon.rig.guard import acting_for
from daemon.rig.parts import is_thermostat
from daemon.settings.models import Settings
from drivers.errors import InstrumentError

log = structlog.get_logger(__name__)
SAFE_S = 30.0  # the longest that going safe may take


class Executor:
    """Runs experiments on a rig."""

    def __init__(
        self,
        settings: Settings,
        rig: RigPort,
        events: EventBus,
        *,
        used_ml: Mapping[str, float] | None = None,
        raw: RawSink | None = None,
    ) -> None:
        """Listen from now on; ``used_ml`` is what earlier starts took of each feed's stock."""
        if settings.reactor is None:
            raise Refused("experiments need a [reactor]")
        self._settings, self._rig, self._events = settings, rig, events
        thermostat = rig.instrument(settings.reactor.thermostat)
        if not is_thermostat(thermostat):
            raise Refused(f"reactor.thermostat: {settings.reactor.thermostat} is not a thermostat")
        self._watch = Watch(settings, thermostat.temperature.full_name, events)
        self._watch.on_trip = self._on_trip
        self._used_before = dict(used_ml or {})
        self._actions = Actions(
            settings, rig, events, self._watch, Analysis(settings), self.reach(), raw
        )
        self._run: Run | None = None
        self._work: asyncio.Task[None] | None = None
        self._ended_by: tuple[Status, str, Afterwards] | None = None
        self._resumed = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    # -- what others may ask --------------------------------------------------------------------

    @property
    def state(self) -> RunState:
        """Return the state of the running experiment; ``idle`` when there is none."""
        return self._run.state if self._run is not None else "idle"

    @property
    def running(self) -> ExperimentRecord | None:
        """Return the experiment in flight as it is now."""
        return self._run.record() if self._run is not None else None

    @property
    def units(self) -> Mapping[str, str]:
        """Return the unit of each response."""
        return self._actions.analysis.units

    def reach(self) -> Reach:
        """Return what pumps and thermostat can do now."""
        return reach_of(self._settings, self._rig.instrument)

    def used_ml(self) -> dict[str, float]:
        """Return what has been taken of each feed, earlier starts included."""
        clocks = self._watch.clocks
        return {
            feed.name: self._used_before.get(feed.name, 0.0) + clocks.feed_ml(feed.name)
            for feed in self._settings.feeds
        }

    def left_ml(self) -> dict[str, float]:
        """Return what is left of each feed with a budgeted stock."""
        used = self.used_ml()
        return {
            feed.name: max(0.0, feed.stock_ml - used[feed.name])
            for feed in self._settings.feeds
            if feed.stock_ml is not None
        }

    def check(self, conditions: Mapping[str, Any]) -> Bound:
        """Return the flows these conditions need; raise Infeasible that names the bound."""
        return check(self._settings, conditions, self.reach(), self.used_ml())

    # -- commands -----------------------------------------------------------------------------

    def hold(self) -> None:
        """Hold at the next wait; nothing happens when no experiment runs."""
        if self._run is not None and self._run.state == "running":
            self._actions.hold_asked = True
            self._actions.poke.set()
            self._to_state(self._run, "holding")

    def resume(self) -> None:
        """Go on after a hold (or take back one that has not happened yet)."""
        self._actions.hold_asked = False
        if self._run is not None and self._run.state == "holding":
            self._to_state(self._run, "running")
        self._resumed.set()

    async def stop(self) -> None:
        """Let the running experiment finish, then shut down normally."""
        self.resume()
        await self._idle.wait()
        await self.shutdown()

    async def skip(self, reason: str = "skipped") -> None:
        """End the running experiment now; the rig is left at a trickle, its temperature held."""
        self._end("aborted", reason, "trickle")
        await self._idle.wait()

    async def abort(self, reason: str = "aborted") -> None:
        """Go safe now: pumps stop, heat off; return when that is done."""
        if self._run is None:
            if self._work is not None:  # a flush or a shutdown
                self._work.cancel()
                await self._idle.wait()
            await self._go("safe")
            return
        self._end("aborted", reason, "safe")
        await self._idle.wait()

    def _on_trip(self, what: str) -> None:
        self._end("aborted", what, "nothing")  # the guard has made the rig safe already

    def _end(self, status: Status, reason: str, afterwards: Afterwards) -> None:
        if self._run is None or self._work is None or self._ended_by is not None:
            return
        self._ended_by = (status, reason, afterwards)
        self._run.state = "aborting"
        self._work.cancel()

    # -- running ------------------------------------------------------------------------------

    async def run(
        self,
        id: str,  # noqa: A002  # CONTRACT's word
        conditions: Mapping[str, Any],
        *,
        replicates: int = 1,
    ) -> ExperimentRecord:
        """Run one experiment and return its record; emits ``experiment`` events on the way.

        Infeasible conditions give a record that is ``refused``, before anything moves.
        ``replicates`` multiplies the samples taken at steady state. A cancellation stops the pumps
        and leaves an ``interrupted`` record on the event bus.
        """
        if not self._idle.is_set():
            what = f"experiment {self._run.id}" if self._run is not None else "a flush or shutdown"
            raise Refused(f"{what} is running; one at a time")
        run = Run(id, dict(conditions), asyncio.get_running_loop().time())
        run.volumes_at_start = dict(self._watch.clocks.delivered_so_far())
        self._run, self._ended_by = run, None
        self._idle.clear()
        try:
            with acting_for(f"experiment {id}"):
                return await self._run_to_end(run, replicates)
        finally:
            self._run = self._work = None
            self._actions.hold_asked = False
            self._idle.set()

    async def _run_to_end(self, run: Run, replicates: int) -> ExperimentRecord:
        try:
            run.recipe = self._prepare(run, replicates)
        except Refused as error:
            return self._finish(run, "refused", str(error))
        try:
            async with asyncio.TaskGroup() as tasks:
                self._work = tasks.create_task(
                    self._perform(run, run.recipe), name=f"experiment {run.id}"
                )
        except asyncio.CancelledError:
            await self._interrupted(run)
            raise
        if self._ended_by is not None and self._work.cancelled():
            status, reason, afterwards = self._ended_by
            run.responses = self._actions.analysis.failed(reason)
            return self._finish(run, status, await self._and_after(reason, afterwards))
        return run.record()

    async def _interrupted(self, run: Run) -> None:
        reason = "interrupted: the daemon stopped"
        run.responses = self._actions.analysis.failed(reason)
        faults = await self._go("safe")
        self._finish(run, "interrupted", "; ".join([reason, *faults]))

    def _prepare(self, run: Run, replicates: int) -> Recipe:
        """Return the recipe; raise Refused when it cannot be run as things are."""
        reach = self.reach()
        self._actions.reach = reach
        section = self._settings.analysis
        samples = (section.samples if section is not None else 1) * max(1, replicates)
        bound = check(self._settings, run.requested, reach, self.used_ml(), samples)
        down = self._actions.down()
        if down:
            raise Refused(f"not connected: {', '.join(down)}")
        run.commanded = dict(bound.commanded)
        return experiment_recipe(self._settings, bound, reach, samples)

    async def _perform(self, run: Run, recipe: Recipe) -> None:
        try:
            await self._steps(run, recipe)
        except ExperimentFailed as error:
            await self._fail(run, str(error), error.afterwards)
        except Tripped as error:  # the trip has made the rig safe already
            run.responses = self._actions.analysis.failed(str(error))
            self._finish(run, "aborted", str(error))
        except (InstrumentError, TaylordError) as error:
            await self._fail(run, str(error), "safe")
        else:
            self._conclude(run)

    async def _steps(self, run: Run, recipe: Recipe) -> None:
        again = next(i for i, step in enumerate(recipe.steps) if isinstance(step, Heat))
        i = 0
        while i < len(recipe.steps):
            step = recipe.steps[i]
            run.step = type(step).__name__
            self._emit(run)
            try:
                await self._do(step, run)
                i += 1
            except HoldAsked:
                await self._held(run)
                i = again
            except StartAgain as error:
                self._decided(run, str(error))
                run.forget_samples()
                i = again

    async def _do(self, step: Step, run: Run) -> None:
        actions = self._actions
        if isinstance(step, WaitSteady):
            await actions.wait_steady(step, run)
        elif isinstance(step, Sample):
            await actions.sample(step, run)
        else:
            await self._plain(step)

    async def _plain(self, step: Step) -> None:
        """Do a step that needs no experiment."""
        actions = self._actions
        doers: dict[type, Callable[[Any], Awaitable[None]]] = {
            Refill: actions.refill,
            Trickle: actions.trickle,
            Heat: actions.heat,
            StartFlows: actions.start_flows,
            Flush: actions.flush,
            HeatOff: actions.heat_off,
            CoolDown: actions.cool_down,
            StopPumps: actions.stop_pumps,
        }
        await doers[type(step)](step)

    async def _held(self, run: Run) -> None:
        """Trickle solvent at the set temperature until someone resumes."""
        self._resumed.clear()
        run.forget_samples()
        await self._actions.set_flows(trickle_flows(self._settings, self._actions.reach))
        self._to_state(run, "held")
        if self._actions.hold_asked:
            await self._resumed.wait()
        self._to_state(run, "restarting")
        run.state = "running"

    # -- endings ------------------------------------------------------------------------------

    def _conclude(self, run: Run) -> None:
        """Turn what was measured into achieved values and responses."""
        analysis = self._actions.analysis
        tolerance = 2.0 * campaign_of(self._settings).temperature_tolerance
        met = achieved(self._settings, self._watch, run.spectra, run.commanded, tolerance)
        if met is None:
            reason = "the way of the sampled fluid is not on record: readings of flow are missing"
            run.responses = analysis.failed(reason)
            self._finish(run, "failed", reason)
            return
        for doubt in met.doubts:
            run.verdict = run.verdict.also("suspect", doubt)
        run.achieved.update(met.conditions)
        run.achieved["steady"] = run.steady
        run.responses = analysis.evaluate(
            run.samples, met.flows, met.residence_time_min, met.temperature_degc, run.verdict
        )
        qualities = [response.quality for response in run.responses.values()]
        status: Status = "ok" if run.verdict.quality == "ok" else "suspect"
        if qualities and all(quality == "failed" for quality in qualities):
            status = "failed"
        elif any(quality != "ok" for quality in qualities):
            status = "suspect"
        reasons = [*run.verdict.reasons, *(r.reason for r in run.responses.values() if r.reason)]
        unique = dict.fromkeys(part for reason in reasons for part in reason.split("; "))
        self._finish(run, status, "; ".join(unique))

    async def _fail(self, run: Run, reason: str, afterwards: Afterwards) -> None:
        run.responses = self._actions.analysis.failed(reason)
        self._finish(run, "failed", await self._and_after(reason, afterwards))

    async def _and_after(self, reason: str, afterwards: Afterwards) -> str:
        """Leave the rig as asked; return the reason with what went wrong in doing so."""
        return "; ".join(dict.fromkeys([reason, *await self._go(afterwards)]))

    async def _go(self, where: Afterwards) -> list[str]:
        """Bring the rig to safe (pumps, then heat), or to a trickle; return what failed."""
        if where == "nothing" or self._settings.reactor is None:
            return []
        actions = self._actions
        actions.hold_asked = False
        faults: list[str] = []
        if where == "trickle":
            faults = await self._try([Trickle(trickle_flows(self._settings, actions.reach))])
            if not faults:
                return []
        return faults + await self._try([StopPumps(), HeatOff(self._settings.reactor.thermostat)])

    async def _try(self, steps: Sequence[Step]) -> list[str]:
        """Do the steps, each whatever became of the one before; return what failed."""
        faults: list[str] = []
        for step in steps:
            try:
                async with asyncio.timeout(SAFE_S):
                    await self._plain(step)
            except (InstrumentError, TaylordError, TimeoutError) as error:
                faults.append(f"{type(step).__name__}: {error or 'took too long'}")
        return faults

    def _finish(self, run: Run, status: Status, reason: str) -> ExperimentRecord:
        for feed, volume in self._watch.clocks.delivered_so_far().items():
            run.achieved[f"volume.{feed}"] = volume - run.volumes_at_start.get(feed, 0.0)
        run.finish(status, reason, asyncio.get_running_loop().time())
        self._emit(run)
        log.info("experiment.finished", experiment=run.id, status=status, reason=reason)
        return run.record()

    # -- between and after experiments ----------------------------------------------------------

    async def flush(self) -> None:
        """Flush with solvent, before other reagents or another catalyst come."""
        await self._between(flush_recipe(self._settings, self.reach()))

    async def shutdown(self) -> None:
        """Shut down normally: heat off, solvent until cool and clean, pumps off (DOMAIN 3).

        Faults are noted as decisions, and the pumps are stopped in any case.
        """
        await self._between(shutdown_recipe(self._settings, self.reach()))

    async def _between(self, recipe: Recipe) -> None:
        if not self._idle.is_set():
            raise Refused("an experiment, a flush or a shutdown is running")
        self._idle.clear()
        try:
            async with asyncio.TaskGroup() as tasks:
                self._work = tasks.create_task(self._one_by_one(recipe), name="between experiments")
        finally:
            self._work = None
            self._idle.set()

    async def _one_by_one(self, recipe: Recipe) -> None:
        for step in recipe.steps:
            name = type(step).__name__
            self._events.emit("decision", what="step", step=name, reason="between experiments")
            try:
                await self._plain(step)
            except (InstrumentError, TaylordError) as error:
                self._events.emit("decision", what="step.failed", step=name, reason=str(error))

    # -- documents ----------------------------------------------------------------------------

    def _to_state(self, run: Run, state: RunState) -> None:
        run.state = state
        self._emit(run)

    def _emit(self, run: Run) -> None:
        self._events.emit("experiment", **run.document(self.units))

    def _decided(self, run: Run, reason: str) -> None:
        self._events.emit("decision", what="experiment.restarted", experiment=run.id, reason=reason)
