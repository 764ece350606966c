"""What a point costs in time, by its recipe: residence, settling, samples, heating, rinsing.

Planners that take ``run_cost`` and ``move_cost`` are told both by factor, in units of the
shortest run: how much longer a run is at the upper end of a factor's range than at the lower, and
how long it takes to move a factor by its whole range, or to choose another feed.
"""

from collections.abc import Mapping
from typing import Any

from daemon.experiment.binding import bind
from daemon.experiment.cleaning import longest_line_ml, rinse_flows, rinse_volumes
from daemon.experiment.faults import ConditionsRefused
from daemon.experiment.reach import reach_of
from daemon.experiment.recipe import wait_for, wait_ml
from daemon.settings.choices import choices
from daemon.settings.conditions import factor_bounds, whole_conditions
from daemon.settings.models import CampaignSettings, FactorSettings, Settings

NEGLIGIBLE = 0.02  # of a run: not worth a word
Weights = dict[str, float]


def run_minutes(settings: Settings, conditions: Mapping[str, Any]) -> float:
    """Return how long a run takes at its temperature, by its recipe; raise ConditionsRefused."""
    reach, reactor = reach_of(settings), settings.reactor
    bound = bind(settings, conditions, reach, explain=False)
    if reactor is None or bound.total_ml_min <= 0:
        raise ConditionsRefused(["nothing flows"])
    wait = wait_for(settings, bound, reach.acquisition_s)
    pumped = wait_ml(reactor, wait.volumes) + longest_line_ml(settings)
    samples = settings.analysis.samples if settings.analysis is not None else 1
    return pumped / bound.total_ml_min + samples * reach.acquisition_s / 60.0


def costs(settings: Settings) -> dict[str, Weights]:
    """Return ``run_cost`` and ``move_cost`` of a campaign that counts time; empty ones else."""
    campaign = settings.campaign
    if campaign is None or campaign.cost != "time":
        return {}
    ends = {f.name: factor_bounds(f) for f in campaign.factors if _is_range(f)}
    middle: dict[str, Any] = {name: (low + high) / 2 for name, (low, high) in ends.items()}
    middle |= {f.name: f.listed[0] for f in campaign.factors if f.listed}
    lengths = {
        name: _at_ends(settings, campaign, middle, name, both) for name, both in ends.items()
    }
    known = {name: both for name, both in lengths.items() if both is not None}
    shortest = min((min(both) for both in known.values()), default=0.0)
    if shortest <= 0:
        return {}
    run = {name: (high - low) / shortest for name, (low, high) in known.items()}
    move = _heating(campaign, ends, shortest) | _rinsing(settings, campaign, shortest)
    return {"run_cost": _worth_telling(run), "move_cost": _worth_telling(move)}


def _is_range(factor: FactorSettings) -> bool:
    return factor.kind == "continuous"


def _at_ends(
    settings: Settings,
    campaign: CampaignSettings,
    middle: Mapping[str, Any],
    name: str,
    ends: tuple[float, float],
) -> tuple[float, float] | None:
    """Return the minutes of a run at both ends of a range, the others in the middle."""
    points = (whole_conditions(campaign, {**middle, name: end}) for end in ends)
    try:
        low, high = (run_minutes(settings, point) for point in points)
    except ConditionsRefused:
        return None  # nobody can run there, so nobody pays for it
    return low, high


def _heating(
    campaign: CampaignSettings, ends: Mapping[str, tuple[float, float]], shortest: float
) -> Weights:
    if campaign.ramp_k_min is None or "temperature" not in ends:
        return {}
    low, high = ends["temperature"]
    return {"temperature": (high - low) / campaign.ramp_k_min / shortest}


def _rinsing(settings: Settings, campaign: CampaignSettings, shortest: float) -> Weights:
    """Return what another feed costs, by choice: the longest rinse that it may take."""
    reach, found = reach_of(settings), Weights()
    for name, factor in choices(campaign).items():
        volumes = rinse_volumes(settings, dict.fromkeys(factor.levels or (), 1.0))
        flows = rinse_flows(settings, reach, volumes)
        found[name] = max((ml / flows[f] for f, ml in volumes.items()), default=0.0) / shortest
    return found


def _worth_telling(weights: Weights) -> Weights:
    return {name: round(w, 3) for name, w in weights.items() if w > NEGLIGIBLE}
