"""What flows only to keep the rig clean: trickle, flush, and rinses of shared pumps.

Volumes are mL, flows mL/min, both by feed.
"""

from collections.abc import Mapping

from daemon.experiment.mixture import diluents
from daemon.experiment.reach import PumpReach, Reach
from daemon.experiment.sections import campaign_of, reactor_of
from daemon.settings.models import FeedSettings, Settings

RINSE_VOLUMES = 3.0  # of the line from the valve to the mixer, dispersion included


def rinse_volumes(settings: Settings, flows: Mapping[str, float]) -> dict[str, float]:
    """Return what to pump (mL) of each flowing feed that shares its pump, after another feed."""
    pumps = [feed.pump for feed in settings.feeds]
    return {
        feed.name: RINSE_VOLUMES * feed.dead_volume_ml
        for feed in settings.feeds
        if flows.get(feed.name, 0.0) > 0 and pumps.count(feed.pump) > 1
    }


def rinse_flows(settings: Settings, reach: Reach, volumes: Mapping[str, float]) -> dict[str, float]:
    """Return the flows (mL/min) of a rinse of these feeds: as fast as a flush."""
    wanted = reactor_of(settings).volume_ml
    pumps = {feed.name: reach.pump(feed.pump) for feed in settings.feeds}
    return {name: _possible(pumps[name], wanted) for name in volumes}


def trickle_flows(settings: Settings, reach: Reach) -> dict[str, float]:
    """Return the trickle: of the first diluent, the least its pump can do or more; else none."""
    return _solvent_flow(settings, reach, campaign_of(settings).trickle)


def flush_flows(settings: Settings, reach: Reach) -> dict[str, float]:
    """Return the flow of a flush: one reactor volume per minute, or what the pump can do."""
    return _solvent_flow(settings, reach, reactor_of(settings).volume_ml)


def _solvent_flow(settings: Settings, reach: Reach, ml_min: float) -> dict[str, float]:
    solvents: list[FeedSettings] = diluents(settings.feeds)
    if not solvents or ml_min <= 0:
        return {}
    return {solvents[0].name: _possible(reach.pump(solvents[0].pump), ml_min)}


def _possible(pump: PumpReach, ml_min: float) -> float:
    """Return the flow that a pump can make that is nearest to the one wanted."""
    return pump.rounded(min(max(ml_min, pump.low), pump.high))


def flush_ml(settings: Settings) -> float:
    """Return the volume of a flush: so many volumes of reactor, outlet and the longest line."""
    reactor = reactor_of(settings)
    volume = reactor.volume_ml + reactor.outlet_volume_ml + longest_line_ml(settings)
    return campaign_of(settings).flush_volumes * volume


def longest_line_ml(settings: Settings) -> float:
    """Return the volume of the longest feed line."""
    return max((feed.dead_volume_ml for feed in settings.feeds), default=0.0)
