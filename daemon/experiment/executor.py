"""The executor: runs one experiment at a time, and leaves the rig in a known state after each.

An ``experiment`` event is emitted at every step and change of state. A hold ends the step at its
next wait: reagents stop, solvent trickles, the temperature stays; after a resume the recipe goes on
from the heating, and the volume clocks see to it that the fluid becomes steady anew. A skip or an
abort cancels the step at once. Faults of pumps or thermostat fail the experiment and make the rig
safe; a fault of the analyser is retried once and fails the experiment at a trickle.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from daemon.analysis.pipeline import Analysis
from daemon.errors import Infeasible, Refused
from daemon.events import EventBus
from daemon.experiment.actions import Actions
from daemon.experiment.binding import Bound
from daemon.experiment.faults import Afterwards
from daemon.experiment.feasibility import check
from daemon.experiment.measuring import Measuring, RawSink
from daemon.experiment.performance import Commit, Performance
from daemon.experiment.reach import Reach, reach_of
from daemon.experiment.recipe import Recipe, experiment_recipe, flush_recipe, shutdown_recipe
from daemon.experiment.record import ExperimentRecord, Status
from daemon.experiment.run import Run, RunState
from daemon.experiment.watch import Watch
from daemon.rig.acts import acting_for, no_commit
from daemon.rig.api import RigPort
from daemon.rig.parts import is_thermostat
from daemon.settings.models import Settings

log = structlog.get_logger(__name__)


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
        commit: Commit = no_commit,
    ) -> None:
        """Listen from now on.

        Args:
            settings: the whole configuration; needs ``[reactor]``.
            rig: where everything acts, through its guard.
            events: where readings come from and documents go.
            used_ml: what earlier starts took of each feed's stock.
            raw: where spectra are kept; None keeps none.
            commit: awaited with each step's document before the step is done, and with the last.
        """
        if settings.reactor is None:
            raise Refused("experiments need a [reactor]")
        self._settings, self._rig = settings, rig
        thermostat = rig.instrument(settings.reactor.thermostat)
        if not is_thermostat(thermostat):
            raise Refused(f"reactor.thermostat: {settings.reactor.thermostat} is not a thermostat")
        self._watch = Watch(settings, thermostat.temperature.full_name, events)
        self._watch.on_trip = self._on_trip
        self._used_before = dict(used_ml or {})
        self._actions = Actions(settings, rig, events, self._watch, self.reach())
        analysis = Analysis(settings)
        for response, doubt in analysis.doubts.items():
            log.warning("response.doubtful", response=response, why=doubt)
        self._watch.follow(analysis.signals)
        measuring = Measuring(self._actions, analysis, raw)
        self._performance = Performance(self._actions, measuring, events, commit)
        self._run: Run | None = None
        self._work: asyncio.Task[None] | None = None
        self._ended_by: tuple[Status, str, Afterwards] | None = None
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

    def holder_of(self, instrument: str) -> str:
        """Return the experiment that commands an instrument now; "" when none does.

        A held one commands nothing: when it is resumed it sets everything anew.
        """
        run = self._run
        if run is None or run.state in {"held", "aborting"} or not self._actions.uses(instrument):
            return ""
        return run.id

    @property
    def units(self) -> Mapping[str, str]:
        """Return the unit of each response."""
        return self._performance.analysis.units

    @property
    def late(self) -> frozenset[str]:
        """Return the responses that people hand in."""
        return self._performance.analysis.late

    def missing(self) -> list[str]:
        """Return the instruments an experiment needs that are not connected."""
        return self._actions.down()

    def unready(self) -> list[str]:
        """Return why no experiment may start with connected instruments, a sentence for each."""
        return self._actions.unready()

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
            self._performance.hold(self._run)

    def resume(self) -> None:
        """Go on after a hold (or take back one that has not happened yet)."""
        self._performance.resume(self._run)

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
        ended_here = self._end("aborted", reason, "safe")
        if self._run is None and self._work is not None:  # a flush or a shutdown
            self._work.cancel()
        await self._idle.wait()
        if not ended_here:  # what was ending already may have left a trickle
            await self._performance.go("safe")

    def _on_trip(self, what: str, blameless: bool) -> None:
        if self._end("aborted", what, "nothing") and self._run is not None:  # safe already
            self._run.blameless = blameless

    def _end(self, status: Status, reason: str, afterwards: Afterwards) -> bool:
        """Cancel the running experiment; return False when there is none, or it ends already."""
        if self._run is None or self._work is None or self._ended_by is not None:
            return False
        self._ended_by = (status, reason, afterwards)
        self._run.state = "aborting"
        return self._work.cancel()

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
        and leaves an ``interrupted`` record on the event bus; so does a record that cannot be
        written. Raises EndNotWritten when that holds for the end of the experiment; the rig has
        then been left as that end demands.
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
            run.blameless = not isinstance(error, Infeasible)
            self._performance.finish(run, "refused", str(error))
            return await self._performance.written(run)
        try:
            async with asyncio.TaskGroup() as tasks:
                self._work = tasks.create_task(
                    self._performance.perform(run, run.recipe), name=f"experiment {run.id}"
                )
        except asyncio.CancelledError:
            await self._performance.interrupt(run, "interrupted: the daemon stopped")
            raise
        if self._ended_by is not None and self._work.cancelled():
            status, reason, afterwards = self._ended_by
            run.responses = self._performance.analysis.failed(reason)
            reason = await self._performance.and_after(reason, afterwards)
            self._performance.finish(run, status, reason)
        return await self._performance.written(run)

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
        if unready := self._actions.unready():
            raise Refused(f"not ready: {'; '.join(unready)}")
        run.commanded = dict(bound.commanded)
        return experiment_recipe(self._settings, bound, reach, samples)

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
                self._work = tasks.create_task(
                    self._performance.one_by_one(recipe), name="between experiments"
                )
        finally:
            self._work = None
            self._idle.set()
