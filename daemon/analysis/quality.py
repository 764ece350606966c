"""Quality gates: how far a measurement can be trusted (DOMAIN 7)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from daemon.analysis.estimate import Estimate
from daemon.experiment.record import ResponseQuality
from daemon.settings.models import Settings

CLEAR_SIGNAL = 10.0  # signal-to-noise the product should have
SEVERITY: tuple[ResponseQuality, ...] = ("ok", "suspect", "failed")
NO_SIGNAL = 3.0  # below this nothing of the product was seen


@dataclass(frozen=True, slots=True)
class Verdict:
    """The worst gate, and every reason."""

    quality: ResponseQuality = "ok"
    reasons: tuple[str, ...] = ()

    def also(self, quality: ResponseQuality, reason: str) -> "Verdict":
        """Return this verdict with one more finding; the worse quality stands."""
        worse = quality if SEVERITY.index(quality) > SEVERITY.index(self.quality) else self.quality
        return Verdict(worse, (*self.reasons, reason))


def judge(
    settings: Settings,
    found: Mapping[str, Estimate],
    signal_to_noise: Mapping[str, float],
    inlet: Mapping[str, float],
    faults: Sequence[str] = (),
) -> Verdict:
    """Return how good a measurement is.

    ``found`` and ``inlet`` are mol/L by species; ``faults`` are what happened to the rig while the
    sampled fluid was in it.
    """
    verdict = Verdict()
    for quality, reason in _findings(settings, found, signal_to_noise, inlet):
        verdict = verdict.also(quality, reason)
    for fault in faults:
        verdict = verdict.also("suspect", f"while the sample was in the reactor: {fault}")
    return verdict


def _findings(
    settings: Settings,
    found: Mapping[str, Estimate],
    signal_to_noise: Mapping[str, float],
    inlet: Mapping[str, float],
) -> Iterator[tuple[ResponseQuality, str]]:
    chemistry, analysis = settings.chemistry, settings.analysis
    if chemistry is None or analysis is None:
        return
    ratio = signal_to_noise.get(chemistry.product, 0.0)
    balance = mass_balance(settings, found, inlet)
    low, high = analysis.mass_balance
    whole = balance is not None and low <= balance <= high
    if ratio < NO_SIGNAL and not whole:
        yield (
            "failed",
            f"no signal of {chemistry.product}: signal-to-noise {ratio:.2g} < {NO_SIGNAL:g}",
        )
    elif ratio < NO_SIGNAL:  # everything else is there: it was looked for, and is not
        yield "suspect", f"{chemistry.product} is below detection, the mass balance is whole"
    elif ratio < CLEAR_SIGNAL:
        yield "suspect", f"weak signal of {chemistry.product}: signal-to-noise {ratio:.2g} < 10"
    if balance is not None and not whole:
        yield (
            "suspect",
            f"mass balance {100 * balance:.0f} % is outside {100 * low:.0f}-{100 * high:.0f} %",
        )
    made, went_in = found.get(chemistry.product), inlet.get(chemistry.limiting, 0.0)
    if balance is None and made is not None and made.value > high * went_in > 0:
        most = f"{chemistry.limiting} went in at {went_in:.3g}"
        yield "suspect", f"{made.value:.3g} mol/L of {chemistry.product}, where {most}"


def mass_balance(
    settings: Settings, found: Mapping[str, Estimate], inlet: Mapping[str, float]
) -> float | None:
    """Return what is found of the limiting species and what became of it, over what went in.

    Counted are all species seen but the other reagents of the feeds; each is taken to hold the
    limiting species' skeleton once. None when the limiting species itself is not seen.
    """
    chemistry = settings.chemistry
    if chemistry is None or chemistry.limiting not in found:
        return None
    fed = {species for feed in settings.feeds for species in feed.solutes} - {chemistry.limiting}
    went_in = inlet.get(chemistry.limiting, 0.0)
    if went_in <= 0:
        return None
    return sum(e.value for name, e in found.items() if name not in fed) / went_in
