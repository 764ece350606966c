"""From spectra and flows to the responses of an experiment, with quality."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from daemon import plugins
from daemon.analysis.estimate import AnalysisFailed, Estimate, mean_of
from daemon.analysis.quality import Verdict, judge
from daemon.analysis.responses import (
    Earlier,
    FeedRate,
    Measured,
    ResponsePlugin,
    nothing_read,
)
from daemon.analysis.species import SpeciesTable, species_table
from daemon.analysis.spectrum import concentrations, integrate
from daemon.errors import ConfigError
from daemon.experiment.mixture import inlet
from daemon.experiment.record import ResponseValue
from daemon.settings.models import Settings
from drivers.roles import Spectrum


@dataclass(frozen=True, slots=True)
class SampleResult:
    """One spectrum analysed: mol/L by species, and the peaks' signal-to-noise.

    ``noise`` is that of one point, in the spectrum's unit.
    """

    concentrations: Mapping[str, Estimate]
    signal_to_noise: Mapping[str, float]
    noise: float = 0.0


class Analysis:
    """The analysis of one rig: its species, its calibration, its responses."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.table: SpeciesTable = species_table(settings)
        self.responses: dict[str, ResponsePlugin] = {
            response.name: load_response(response.kind or response.name, response.model_extra or {})
            for response in settings.responses
        }

    @property
    def online(self) -> dict[str, ResponsePlugin]:
        """Return the responses that the rig measures itself."""
        mine = self.responses.items()
        return {name: plugin for name, plugin in mine if not getattr(plugin, "offline", False)}

    @property
    def late(self) -> frozenset[str]:
        """Return the responses that people measure, and hand in later."""
        return frozenset(self.responses) - frozenset(self.online)

    @property
    def units(self) -> dict[str, str]:
        """Return the unit of each response."""
        return {name: response.unit for name, response in self.responses.items()}

    @property
    def doubts(self) -> dict[str, str]:
        """Return why responses are not worth believing, of those that say so (their ``doubt``)."""
        said = {name: getattr(plugin, "doubt", "") for name, plugin in self.responses.items()}
        return {name: doubt for name, doubt in said.items() if doubt}

    @property
    def signals(self) -> set[str]:
        """Return the full names of the signals that responses follow (their ``signals``)."""
        return {s for response in self.responses.values() for s in getattr(response, "signals", ())}

    def sample(self, spectrum: Spectrum) -> SampleResult:
        """Return the concentrations of one spectrum; raise AnalysisFailed when it gives none."""
        section = self._settings.analysis
        if section is None or not self.table.regions:
            raise AnalysisFailed(
                "nothing says where species show in the spectrum: [analysis] peaks"
            )
        integrals = integrate(spectrum, self.table.regions)
        found = concentrations(integrals, self.table.regions, section.gain)
        for name, estimate in found.items():
            if not estimate.possible:
                raise AnalysisFailed(f"the spectrum gives {estimate.value:.3g} mol/L of {name}")
        return SampleResult(found, integrals.signal_to_noise, integrals.noise)

    def evaluate(
        self,
        samples: Sequence[SampleResult],
        flows: Mapping[str, float],
        residence_time_min: float,
        temperature_degc: float,
        verdict: Verdict,
        earlier: Earlier = nothing_read,
    ) -> dict[str, ResponseValue]:
        """Return every response of a steady state.

        ``flows`` are the measured ones, mL/min by feed; ``verdict`` is what is already known
        against the experiment; ``earlier`` tells the followed signals around the last sample.
        A response without a value is ``failed`` and says why.
        """
        if not samples or residence_time_min <= 0:
            return self.failed("; ".join(verdict.reasons) or "nothing was measured")
        try:
            measured = self._measured(samples, flows, residence_time_min, temperature_degc)
        except AnalysisFailed as error:
            return self.failed(str(error))
        measured = replace(measured, earlier=earlier)
        verdict = self._gate(verdict, samples, measured)
        return {name: _value(plugin, measured, verdict) for name, plugin in self.online.items()}

    def failed(self, reason: str) -> dict[str, ResponseValue]:
        """Return every response without a value, and the reason."""
        return {name: ResponseValue(None, None, "failed", reason) for name in self.online}

    def _gate(
        self, verdict: Verdict, samples: Sequence[SampleResult], measured: Measured
    ) -> Verdict:
        ratios = {
            name: min(s.signal_to_noise.get(name, 0.0) for s in samples)
            for name in measured.concentrations
        }
        gates = judge(self._settings, measured.concentrations, ratios, measured.inlet)
        for reason in gates.reasons:
            verdict = verdict.also(gates.quality, reason)
        return verdict

    def _measured(
        self,
        samples: Sequence[SampleResult],
        flows: Mapping[str, float],
        residence_time_min: float,
        temperature_degc: float,
    ) -> Measured:
        chemistry = self._settings.chemistry
        if chemistry is None:
            raise AnalysisFailed("[chemistry] does not say which species are counted")
        names = list(samples[0].concentrations)
        return Measured(
            concentrations={n: mean_of([s.concentrations[n] for s in samples]) for n in names},
            inlet=inlet(self._settings.feeds, flows),
            limiting=chemistry.limiting,
            product=chemistry.product,
            residence_time_min=residence_time_min,
            temperature_degc=temperature_degc,
            total_ml_min=sum(flows.values()),
            feeds=self._feed_rates(flows),
            molar_mass=self.table.molar_mass,
        )

    def _feed_rates(self, flows: Mapping[str, float]) -> dict[str, FeedRate]:
        return {
            feed.name: FeedRate(
                g_min=flows[feed.name] * feed.density_g_ml,
                solutes_mol_min={s: flows[feed.name] / 1000.0 * c for s, c in feed.solutes.items()},
            )
            for feed in self._settings.feeds
        }


def _value(plugin: ResponsePlugin, measured: Measured, verdict: Verdict) -> ResponseValue:
    reason = "; ".join(verdict.reasons)
    if verdict.quality == "failed":
        return ResponseValue(None, None, "failed", reason)
    try:
        estimate = plugin.evaluate(measured)
    except AnalysisFailed as error:
        return ResponseValue(None, None, "failed", str(error))
    except (ArithmeticError, ValueError) as error:  # a formula that these numbers do not suit
        why = f"cannot be computed: {type(error).__name__}: {error}"
        return ResponseValue(None, None, "failed", why)
    if not estimate.possible:
        why = f"cannot be {estimate.value:.3g} +/- {estimate.sd:.3g}"
        return ResponseValue(None, None, "failed", why)
    quality = (
        verdict.also("suspect", estimate.remark).quality if estimate.suspect else verdict.quality
    )
    told = "; ".join(filter(None, (reason, estimate.remark)))
    return ResponseValue(estimate.value, estimate.sd, quality, told)


def load_response(kind: str, options: Mapping[str, object]) -> ResponsePlugin:
    """Return an installed response with its options; raise ConfigError when it has no such ones."""
    maker = plugins.load("taylord.responses", kind)
    try:
        return maker(**options)
    except TypeError as error:
        raise ConfigError([f"responses.{kind}: {error}"]) from error
