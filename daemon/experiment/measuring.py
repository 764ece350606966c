"""Waiting for steady state and measuring it (DOMAIN 4, rules A and B).

A measurement that fails is tried once more; when the analyser is gone, solvent trickles until it is
back and the fluid must become steady anew. A failure never becomes a value.
"""

import asyncio
from typing import NoReturn, Protocol

import numpy as np

from daemon.analysis.estimate import AnalysisFailed, Repeated
from daemon.analysis.pipeline import Analysis, SampleResult
from daemon.analysis.spectrum import repeats
from daemon.experiment.actions import NAP_S, Actions
from daemon.experiment.approach import FOLLOWS_NOT
from daemon.experiment.cleaning import trickle_flows
from daemon.experiment.faults import ExperimentFailed, StartAgain, lost
from daemon.experiment.recipe import Sample, WaitSteady, wait_ml
from daemon.experiment.run import Run
from daemon.experiment.settling import Settling
from daemon.experiment.steady import Agreement, rule_a, rule_b
from daemon.settings.models import ReactorSettings
from drivers.errors import InstrumentError
from drivers.roles import Spectrum

SHORT_NAP_S = 0.25
RECONNECT_S = 900.0  # an analyser may be away this long before the experiment fails
RETRY_S = 5.0  # before a second attempt: a lost link is noticed by then
ATTEMPTS = 2  # at one acquisition: DOMAIN 8.7
REPEATED = (
    "{0} gave the spectrum before once more, noise and all: it has not measured anew"
    " (look whether its detector runs, and whether its software exports each run)"
)


class RawSink(Protocol):
    """Where spectra are kept (the store's raw directory)."""

    def spectrum(self, experiment: str, number: int, spectrum: Spectrum) -> None:
        """Keep one spectrum; must not block."""
        ...


class Measuring:
    """The eyes of the executor: waits, acquires, analyses."""

    def __init__(self, actions: Actions, analysis: Analysis, raw: RawSink | None) -> None:
        self._actions, self.analysis, self._raw = actions, analysis, raw
        self._settings = actions.settings
        self._last: Spectrum | None = None  # as it came, of whatever experiment

    async def wait_steady(self, step: WaitSteady, run: Run) -> None:
        """Wait by volume; with a fast analyser until its trend is flat as well."""
        with Settling(self._settings, self._actions.watch, run.commanded) as settling:
            if step.rule == "A":
                await self._wait_flat(step, run, settling)
            else:
                await self._wait_volume(step, settling)

    async def _wait_volume(self, step: WaitSteady, settling: Settling) -> None:
        loop = asyncio.get_running_loop()
        need = wait_ml(self._reactor, step.volumes)
        deadline = loop.time() + settling.patience_s(need)
        while (left := need - settling.pumped_ml(loop.time())) > 0:
            if loop.time() > deadline:
                self._not_steady(settling, need)
            await self._actions.nap_connected(
                min(NAP_S, max(SHORT_NAP_S, settling.seconds_for(left)))
            )

    async def _wait_flat(self, step: WaitSteady, run: Run, settling: Settling) -> None:
        """Acquire all the time and stop at the first window that is flat (rule A)."""
        loop = asyncio.get_running_loop()
        one = wait_ml(self._reactor, 1.0)
        deadline = loop.time() + settling.patience_s(step.timeout_volumes * one)
        theta: list[float] = []  # reactor volumes pumped when each measurement began
        while not self._is_flat(step, run, theta):
            self._actions.check_hold()
            began, restarts = settling.pumped_ml(loop.time()) / one, settling.restarts
            if began > step.timeout_volumes:
                self._give_up_waiting(step, run)
                return
            if loop.time() > deadline:
                self._not_steady(settling, step.volumes * one)
            await self._measure(run)
            theta.append(began)
            settling.pumped_ml(loop.time())
            if settling.restarts != restarts:  # something was off meanwhile
                theta.clear()
                run.forget_samples()
        run.sampled = True

    def _not_steady(self, settling: Settling, need_ml: float) -> NoReturn:
        """Fail the experiment; that its heat was lost is no fault of the conditions."""
        why = settling.why_not(need_ml)
        lost_heat = settling.heat_lost(asyncio.get_running_loop().time())
        if lost_heat:
            self._actions.events.emit("decision", what=FOLLOWS_NOT, why=why)
        raise ExperimentFailed(why, blameless=lost_heat)

    def _is_flat(self, step: WaitSteady, run: Run, theta: list[float]) -> bool:
        """Return whether the latest window is flat; then only its samples are kept."""
        found = rule_a(
            np.array(theta),
            np.array([self._tracked(sample) for sample in run.samples]),
            theta_min=step.volumes,
            tolerance=self._tolerance,
            scale=max(run.commanded.get("concentration", 0.0), 1e-12),
        )
        if found is not None:
            run.keep_last(found.readings)
        return found is not None

    def _give_up_waiting(self, step: WaitSteady, run: Run) -> None:
        run.keep_last(max(2, len(run.samples) // 5))
        run.sampled = True
        run.steady = False
        reason = f"not steady after {step.timeout_volumes:g} reactor volumes"
        run.verdict = run.verdict.also("suspect", reason)

    # -- sampling -----------------------------------------------------------------------------

    async def sample(self, step: Sample, run: Run) -> None:
        """Measure until the samples agree (rule B), or a third does not settle it."""
        if run.sampled:
            return
        while True:
            self._actions.check_hold()
            await self._measure(run)
            verdicts = [
                self._agreement(run, species, step.least) for species in self._followed(run)
            ]
            if any(v.more for v in verdicts):
                continue
            for verdict in verdicts:
                if not verdict.accepted:
                    run.steady = False
                    run.verdict = run.verdict.also("suspect", verdict.reason)
            used = min((v.used for v in verdicts), default=len(run.samples))
            run.keep_last(used)
            return

    def _agreement(self, run: Run, species: str, least: int) -> Agreement:
        found = [sample.concentrations[species] for sample in run.samples]
        return rule_b([e.value for e in found], [e.sd for e in found], least)

    def _followed(self, run: Run) -> list[str]:
        """Return the species a steady state is judged by: product and limiting, where seen."""
        chemistry = self._settings.chemistry
        names = (chemistry.product, chemistry.limiting) if chemistry is not None else ()
        return [name for name in names if name in run.samples[-1].concentrations]

    def _tracked(self, sample: SampleResult) -> float:
        chemistry = self._settings.chemistry
        product = chemistry.product if chemistry is not None else ""
        if product not in sample.concentrations:
            raise ExperimentFailed(f"the analysis does not see the product {product!r}", "trickle")
        return sample.concentrations[product].value

    async def _measure(self, run: Run) -> None:
        spectrum, result = await self.acquire(run)
        run.spectra.append(spectrum)
        run.samples.append(result)

    async def acquire(self, run: Run) -> tuple[Spectrum, SampleResult]:
        """Take one measurement and analyse it; retried once, then the experiment fails."""
        if self._settings.analysis is None:
            raise ExperimentFailed("there is no [analysis] to measure with", "trickle")
        analyser = self._settings.analysis.instrument
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._acquire_once(run, analyser)
            except (InstrumentError, AnalysisFailed) as error:
                if attempt == ATTEMPTS:
                    why = f"no analysis: {error}"
                    its_own = lost(error) or isinstance(error, InstrumentError)
                    raise ExperimentFailed(why, "trickle", blameless=its_own) from error
                self._actions.events.emit(
                    "decision", what="acquisition.retried", experiment=run.id, reason=str(error)
                )
                await self._actions.nap(RETRY_S)
                if not self._actions.rig.connected(analyser):
                    await self._until_connected(analyser, run, error)
        raise AssertionError

    async def _acquire_once(self, run: Run, analyser: str) -> tuple[Spectrum, SampleResult]:
        run.acquisitions += 1
        number = run.acquisitions
        spectrum = await self._actions.rig.guard.acquire(analyser, f"{run.id}/{number}")
        if self._raw is not None:
            self._raw.spectrum(run.id, number, spectrum)
        before, self._last = self._last, spectrum
        result = self.analysis.sample(spectrum)
        if repeats(spectrum, before, result.noise):
            raise Repeated(REPEATED.format(analyser))
        return spectrum, result

    async def _until_connected(self, analyser: str, run: Run, error: Exception) -> None:
        """Trickle solvent while the analyser is away; then the fluid must become steady again."""
        if run.fresh_starts:
            why = f"no analysis, twice: {error}"
            raise ExperimentFailed(why, "trickle", blameless=True) from error
        run.fresh_starts += 1
        loop = asyncio.get_running_loop()
        deadline = loop.time() + RECONNECT_S
        await self._actions.set_flows(trickle_flows(self._settings, self._actions.reach))
        while not self._actions.rig.connected(analyser):
            if loop.time() > deadline:
                why = f"{analyser} did not come back within {RECONNECT_S:g} s: {error}"
                raise ExperimentFailed(why, "trickle", blameless=True) from error
            await self._actions.nap(NAP_S)
        raise StartAgain(f"{analyser} is back")

    @property
    def _reactor(self) -> ReactorSettings:
        if self._settings.reactor is None:
            raise ExperimentFailed("there is no [reactor]")
        return self._settings.reactor

    @property
    def _tolerance(self) -> float:
        return self._settings.analysis.tolerance if self._settings.analysis is not None else 0.02
