"""Achieved values: what the sampled fluid really met on its way, from the volume clocks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from daemon.experiment.mixture import conditions_of, hot_residence_time_min, mixtures_in
from daemon.experiment.watch import DEGC, Watch
from daemon.settings.choices import with_choices
from daemon.settings.models import Settings
from drivers.roles import Spectrum

FLOW_TOLERANCE = 0.05  # of the commanded flow: beyond it the result is suspect


@dataclass(frozen=True, slots=True)
class Achieved:
    """The conditions of the sampled fluid, and what speaks against them."""

    flows: Mapping[str, float]  # mL/min by feed
    residence_time_min: float
    temperature_degc: float
    conditions: Mapping[str, Any]  # by factor name, with temperature_sd and flow.<feed>
    doubts: tuple[str, ...]


def achieved(
    settings: Settings,
    watch: Watch,
    samples: Sequence[Spectrum],
    commanded: Mapping[str, Any],
    tolerance_k: float,
) -> Achieved | None:
    """Return what the fluid of these samples met; None when its way is not on record.

    Fluid sampled at t left the coil one outlet volume earlier and entered one coil volume before
    that; flows, temperatures and faults are taken over the whole of that time.
    """
    reactor = settings.reactor
    if reactor is None or not samples:
        return None
    volumes = reactor.volume_ml, reactor.outlet_volume_ml
    ways = [watch.clocks.passage(t, *volumes) for s in samples for t in (s.started, s.finished)]
    known = [way for way in ways if way is not None]
    if len(known) < len(ways):
        return None
    start, left, end = known[0][0], known[-1][1], samples[-1].finished
    minutes = (left - start) / 60.0
    flows = {feed: ml / minutes for feed, ml in watch.clocks.delivered(start, left).items()}
    residence = sum(out - into for into, out in known) / len(known) / 60.0
    temperatures = watch.temperatures.between(start, left, DEGC)
    if not temperatures:
        return None
    mean, sd = _mean_sd(temperatures)
    made = conditions_of(settings, flows, mean, mixtures_in(commanded))
    conditions = {
        **with_choices(settings, made, commanded),
        "residence_time": residence,
        "residence_time_hot": hot_residence_time_min(reactor, residence, mean),
        "temperature_sd": sd,
    }
    doubts = [
        *_flow_doubts(flows, commanded),
        *_temperature_doubts(temperatures, commanded, tolerance_k),
        *(f"while the sample was in the rig: {what}" for what in watch.faults_between(start, end)),
    ]
    return Achieved(flows, residence, mean, conditions, tuple(doubts))


def _mean_sd(values: Sequence[float]) -> tuple[float, float]:
    mean = sum(values) / len(values)
    if len(values) < 2:
        return mean, 0.0
    return mean, sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1))


def _flow_doubts(flows: Mapping[str, float], commanded: Mapping[str, Any]) -> list[str]:
    doubts: list[str] = []
    for feed, flow in flows.items():
        wanted = commanded.get(f"flow.{feed}", 0.0)
        if abs(flow - wanted) > max(FLOW_TOLERANCE * wanted, 1e-3):
            doubts.append(f"feed {feed} delivered {flow:.4g} mL/min instead of {wanted:.4g}")
    return doubts


def _temperature_doubts(
    temperatures: Sequence[float], commanded: Mapping[str, Any], tolerance_k: float
) -> list[str]:
    wanted = commanded.get("temperature")
    if wanted is None:
        return []
    worst = max(temperatures, key=lambda t: abs(t - wanted))
    if abs(worst - wanted) <= tolerance_k:
        return []
    return [f"temperature was {worst:.1f} instead of {wanted:g} degC while the sample reacted"]
