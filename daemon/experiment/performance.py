"""Doing a recipe: its steps in order, holds and fresh starts on the way, and every kind of end.

However an experiment ends, its record is finished, its responses either have values or say why not,
and the rig is left as the fault demands: safe, at a trickle, or as a trip has left it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import structlog

from daemon.analysis.pipeline import Analysis
from daemon.errors import StoreFailed, TaylordError, Tripped
from daemon.events import Event, EventBus
from daemon.experiment.achieved import achieved
from daemon.experiment.actions import NAP_S, Actions
from daemon.experiment.cleaning import trickle_flows
from daemon.experiment.faults import (
    COOLED,
    HELD_AT_MOST,
    Afterwards,
    EndNotWritten,
    ExperimentFailed,
    HoldAsked,
    StartAgain,
    lost,
)
from daemon.experiment.measuring import Measuring
from daemon.experiment.recipe import (
    CoolDown,
    Flush,
    Heat,
    HeatOff,
    Recipe,
    Refill,
    Rinse,
    Sample,
    StartFlows,
    Step,
    StopPumps,
    Trickle,
    WaitSteady,
)
from daemon.experiment.record import ExperimentRecord, Status
from daemon.experiment.run import Run, RunState
from daemon.experiment.sections import campaign_of
from drivers.errors import InstrumentError

log = structlog.get_logger(__name__)
Commit = Callable[[Event], Awaitable[None]]
SAFE_S = 30.0  # the longest that each act of going safe may take
EXCURSION = 2.0  # tolerances that the reacting fluid's temperature may have been off


class Performance:
    """Performs recipes with the hands of :class:`Actions` and the eyes of :class:`Measuring`."""

    def __init__(
        self, actions: Actions, measuring: Measuring, events: EventBus, commit: Commit
    ) -> None:
        self._actions, self._measuring = actions, measuring
        self._events, self._commit = events, commit
        self._settings = actions.settings
        self._resumed = asyncio.Event()
        self._last: Event | None = None

    @property
    def analysis(self) -> Analysis:
        """Return the analysis of this rig."""
        return self._measuring.analysis

    # -- holding ------------------------------------------------------------------------------

    def hold(self, run: Run) -> None:
        """Hold at the next wait."""
        self._actions.hold_asked = True
        self._actions.poke.set()
        self._to_state(run, "holding")

    def resume(self, run: Run | None) -> None:
        """Go on after a hold, or take back one that has not happened yet."""
        self._actions.hold_asked = False
        if run is not None and run.state == "holding":
            self._to_state(run, "running")
        self._resumed.set()

    async def _held(self, run: Run) -> None:
        """Trickle solvent at the set temperature until someone resumes."""
        self._resumed.clear()
        run.forget_samples()
        await self._actions.set_flows(trickle_flows(self._settings, self._actions.reach))
        self._to_state(run, "held")
        await self._until_resumed()
        self._to_state(run, "restarting")
        run.state = "running"

    async def _until_resumed(self) -> None:
        """Wait for a resume; make the rig safe when that takes longer than it may."""
        limit, loop = campaign_of(self._settings).hold_at_most, asyncio.get_running_loop()
        since, cooled = loop.time(), False
        while self._actions.hold_asked:
            await self._resumed_within(NAP_S)
            self._actions.check_ways()
            if limit is not None and not cooled and loop.time() - since >= limit:
                cooled = True
                faults = await self._make_safe()
                self._events.emit("decision", what=COOLED, why="; ".join([HELD_AT_MOST, *faults]))
        if cooled:
            await self._actions.set_flows(trickle_flows(self._settings, self._actions.reach))

    async def _resumed_within(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._resumed.wait()

    # -- performing ---------------------------------------------------------------------------

    async def perform(self, run: Run, recipe: Recipe) -> None:
        """Perform a recipe to its end, good or bad; only a cancellation leaves it unfinished."""
        try:
            await self._steps(run, recipe)
        except ExperimentFailed as error:
            run.blameless = error.blameless
            await self._fail(run, str(error), error.afterwards)
        except Tripped as error:  # the trip has made the rig safe already
            run.responses = self.analysis.failed(str(error))
            self.finish(run, "aborted", str(error))
        except StoreFailed as error:  # no fault of the point: it is run again
            await self.interrupt(run, f"interrupted: {error}")
        except (InstrumentError, TaylordError) as error:
            run.blameless = lost(error)
            await self._fail(run, str(error), "safe")
        else:
            self._conclude(run)

    async def _steps(self, run: Run, recipe: Recipe) -> None:
        again = next(i for i, step in enumerate(recipe.steps) if isinstance(step, Heat))
        i = 0
        while i < len(recipe.steps):
            step = recipe.steps[i]
            run.step = type(step).__name__
            await self._commit(self._emit(run))
            try:
                await self._do(step, run)
                i += 1
            except HoldAsked:
                await self._held(run)
                i = again
            except StartAgain as error:
                self._events.emit(
                    "decision", what="experiment.restarted", experiment=run.id, reason=str(error)
                )
                run.forget_samples()
                i = again

    async def _do(self, step: Step, run: Run) -> None:
        if isinstance(step, WaitSteady):
            await self._measuring.wait_steady(step, run)
        elif isinstance(step, Sample):
            await self._measuring.sample(step, run)
        else:
            await self.plain(step)
        if isinstance(step, Heat):  # the thermostat rounds, as the pumps do
            run.commanded = {**run.commanded, "temperature": self._actions.setpoint_degc}

    async def plain(self, step: Step) -> None:
        """Do a step that needs no experiment."""
        actions = self._actions
        doers: dict[type, Callable[[Any], Awaitable[None]]] = {
            Refill: actions.refill,
            Trickle: actions.trickle,
            Heat: actions.heat,
            Rinse: actions.rinse,
            StartFlows: actions.start_flows,
            Flush: actions.flush,
            HeatOff: actions.heat_off,
            CoolDown: actions.cool_down,
            StopPumps: actions.stop_pumps,
        }
        await doers[type(step)](step)

    # -- endings ------------------------------------------------------------------------------

    def _conclude(self, run: Run) -> None:
        """Turn what was measured into achieved values and responses."""
        analysis = self.analysis
        tolerance = EXCURSION * campaign_of(self._settings).temperature_tolerance
        met = achieved(self._settings, self._actions.watch, run.spectra, run.commanded, tolerance)
        if met is None:
            reason = "the way of the sampled fluid is not on record: readings of flow are missing"
            run.responses = analysis.failed(reason)
            self.finish(run, "failed", reason)
            return
        for doubt in met.doubts:
            run.verdict = run.verdict.also("suspect", doubt)
        run.achieved.update(met.conditions)
        run.achieved["steady"] = run.steady
        sampled, watch = run.spectra[-1].started, self._actions.watch
        run.responses = analysis.evaluate(
            run.samples,
            met.flows,
            met.residence_time_min,
            met.temperature_degc,
            run.verdict,
            lambda signal, before_s: watch.read_at(signal, sampled - before_s),
        )
        status = self._status(run)
        reasons = [*run.verdict.reasons, *(r.reason for r in run.responses.values() if r.reason)]
        unique = dict.fromkeys(part for reason in reasons for part in reason.split("; "))
        self.finish(run, status, "; ".join(unique))

    def _status(self, run: Run) -> Status:
        """Return a status as bad as the worst; failed when no response has a value."""
        qualities = [response.quality for response in run.responses.values()]
        if qualities and all(quality == "failed" for quality in qualities):
            return "failed"
        doubtful = run.verdict.quality != "ok" or any(quality != "ok" for quality in qualities)
        return "suspect" if doubtful else "ok"

    async def _fail(self, run: Run, reason: str, afterwards: Afterwards) -> None:
        run.responses = self.analysis.failed(reason)
        self.finish(run, "failed", await self.and_after(reason, afterwards))

    async def interrupt(self, run: Run, reason: str) -> None:
        """Go safe in the middle of it, through no fault of the experiment."""
        run.responses = self.analysis.failed(reason)
        self.finish(run, "interrupted", await self.and_after(reason, "safe"))

    async def and_after(self, reason: str, afterwards: Afterwards) -> str:
        """Leave the rig as asked; return the reason with what went wrong in doing so."""
        return "; ".join(dict.fromkeys([reason, *await self.go(afterwards)]))

    async def go(self, where: Afterwards) -> list[str]:
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
        return faults + await self._make_safe()

    async def _make_safe(self) -> list[str]:
        """Stop the pumps, then switch heat off; return what failed."""
        assert self._settings.reactor is not None  # noqa: S101 (experiments need one)
        return await self._try([StopPumps(), HeatOff(self._settings.reactor.thermostat)])

    async def _try(self, steps: Sequence[Step]) -> list[str]:
        """Do the steps, each whatever became of the one before; return what failed."""
        faults: list[str] = []
        for step in steps:
            try:
                async with asyncio.timeout(SAFE_S):
                    await self.plain(step)
            except (InstrumentError, TaylordError, TimeoutError) as error:
                faults.append(f"{type(step).__name__}: {error or 'took too long'}")
        return faults

    def finish(self, run: Run, status: Status, reason: str) -> None:
        """Enter the final state and tell it; :meth:`written` waits for the record."""
        for feed, volume in self._actions.watch.clocks.delivered_so_far().items():
            run.achieved[f"volume.{feed}"] = volume - run.volumes_at_start.get(feed, 0.0)
        run.finish(status, reason, asyncio.get_running_loop().time())
        log.info("experiment.finished", experiment=run.id, status=status, reason=reason)
        self._last = self._emit(run)

    async def written(self, run: Run) -> ExperimentRecord:
        """Return the record of a finished experiment once it is safe; raise EndNotWritten."""
        if self._last is not None:
            try:
                await self._commit(self._last)
            except StoreFailed as error:
                raise EndNotWritten(str(error), run.record()) from error
        return run.record()

    # -- without an experiment ------------------------------------------------------------------

    async def one_by_one(self, recipe: Recipe) -> None:
        """Do the steps of a flush or shutdown, each whatever became of the one before."""
        for step in recipe.steps:
            name = type(step).__name__
            self._events.emit("decision", what="step", step=name, reason="between experiments")
            try:
                await self.plain(step)
            except (InstrumentError, TaylordError) as error:
                self._events.emit("decision", what="step.failed", step=name, reason=str(error))

    # -- documents ----------------------------------------------------------------------------

    def _to_state(self, run: Run, state: RunState) -> None:
        run.state = state
        self._emit(run)

    def _emit(self, run: Run) -> Event:
        return self._events.emit("experiment", **run.document(self.analysis.units))
