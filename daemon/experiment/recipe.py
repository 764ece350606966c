"""Recipes: the order of actions of DOMAIN 3, as data (procedural elements after ISA-88).

A recipe is a tuple of steps; the executor knows how to do each kind. Building one moves nothing,
so that what would be done can be shown, checked and budgeted before it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from daemon.experiment.binding import Bound
from daemon.experiment.cleaning import (
    flush_flows,
    flush_ml,
    longest_line_ml,
    rinse_flows,
    rinse_volumes,
    trickle_flows,
)
from daemon.experiment.dispersion import bodenstein, theta_at
from daemon.experiment.mixture import diluents
from daemon.experiment.reach import Reach
from daemon.experiment.sections import campaign_of, reactor_of
from daemon.experiment.steady import TIMEOUT, Rule, choose_rule, least_volumes
from daemon.settings.models import ReactorSettings, Settings

REFILL_MARGIN = 1.2  # of what is planned
REFILL_FLOW = 5.0  # mL/min: fast enough, and slow enough not to degas the stock
HEATING_MIN = 60.0  # of trickle that a budget allows for the thermostat
RESERVE_S = 60.0  # time lost between actions, for budgets
USABLE = 0.95  # of a syringe: a full one is not filled again
BOILING_MARGIN = 20.0  # K below the boiling point before the flow may stop


@dataclass(frozen=True, slots=True)
class Refill:
    """Fill the syringes that hold less than the experiment needs, before anything starts."""

    need_ml: Mapping[str, float]  # by pump


@dataclass(frozen=True, slots=True)
class Trickle:
    """Reagents off, a little solvent on."""

    flows: Mapping[str, float]  # by feed, mL/min


@dataclass(frozen=True, slots=True)
class Heat:
    """Set the temperature and wait until it is held; a timeout fails, it never proceeds."""

    thermostat: str
    degc: float
    tolerance: float  # K
    hold_s: float
    timeout_s: float
    slope_k_min: float = 0.2


@dataclass(frozen=True, slots=True)
class Rinse:
    """Pump feeds that share their pump with others, until their lines hold nothing of those.

    ``flows`` (mL/min) and ``volumes_ml`` by feed, ``solvent`` is what trickles meanwhile. A feed
    that the pump had last, and enough of it, needs nothing.
    """

    flows: Mapping[str, float]
    volumes_ml: Mapping[str, float]
    solvent: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class StartFlows:
    """Diluent first, then all the other feeds together; stopping feeds go first of all."""

    flows: Mapping[str, float]  # by feed, mL/min
    first: tuple[str, ...]  # feeds that are started before the others


@dataclass(frozen=True, slots=True)
class WaitSteady:
    """Wait by pumped volume (rule B), or until the analyser's trend is flat as well (rule A)."""

    rule: Rule
    volumes: float  # reactor volumes before the first reading counts
    timeout_volumes: float  # reactor volumes after which the result is suspect


@dataclass(frozen=True, slots=True)
class Sample:
    """Measure ``least`` times or more."""

    least: int


@dataclass(frozen=True, slots=True)
class Flush:
    """Pump solvent until so many volumes (of reactor, outlet and lines) have passed."""

    flows: Mapping[str, float]  # by feed, mL/min
    volume_ml: float


@dataclass(frozen=True, slots=True)
class HeatOff:
    """Switch temperature control off."""

    thermostat: str


@dataclass(frozen=True, slots=True)
class CoolDown:
    """Keep solvent flowing until it is cool and the reactor is clean."""

    thermostat: str
    below_degc: float
    volume_ml: float
    timeout_s: float


@dataclass(frozen=True, slots=True)
class StopPumps:
    """Stop every pump."""


Step = (
    Refill
    | Trickle
    | Heat
    | Rinse
    | StartFlows
    | WaitSteady
    | Sample
    | Flush
    | HeatOff
    | CoolDown
    | StopPumps
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Steps in order, with the volumes (mL by feed) they are planned to use."""

    steps: tuple[Step, ...]
    need_ml: Mapping[str, float]


def wait_for(settings: Settings, bound: Bound, acquisition_s: float) -> WaitSteady:
    """Return how to wait for steady state at these flows, with this analyser."""
    reactor = reactor_of(settings)
    theta99 = theta_at(bodenstein(reactor, bound.total_ml_min))
    rule = choose_rule(acquisition_s, 60.0 * reactor.volume_ml / bound.total_ml_min)
    volumes = least_volumes(rule, theta99)
    return WaitSteady(rule, volumes, max(TIMEOUT, volumes + 1.0))


def wait_ml(reactor: ReactorSettings, volumes: float) -> float:
    """Return the volume to pump so that ``volumes`` of the reactor have shown at the analyser.

    The outlet disperses like the coil, so that it counts in the same proportion.
    """
    return volumes * (reactor.volume_ml + reactor.outlet_volume_ml)


def experiment_recipe(settings: Settings, bound: Bound, reach: Reach, samples: int) -> Recipe:
    """Return the steps of one experiment, from refill to sampling and back to a trickle."""
    campaign = campaign_of(settings)
    wait = wait_for(settings, bound, reach.acquisition_s)
    solvent = trickle_flows(settings, reach)
    need = needed_ml(settings, bound, wait, samples, reach)
    by_pump = {feed.pump: need[feed.name] for feed in settings.feeds}
    rinse = rinse_volumes(settings, bound.flows)
    steps = (
        Refill(by_pump),
        Trickle(solvent),
        Heat(
            reactor_of(settings).thermostat,
            bound.temperature_degc,
            campaign.temperature_tolerance,
            campaign.temperature_hold,
            campaign.temperature_timeout,
        ),
        *((Rinse(rinse_flows(settings, reach, rinse), rinse, solvent),) if rinse else ()),
        StartFlows(bound.flows, tuple(feed.name for feed in diluents(settings.feeds))),
        wait,
        Sample(samples),
        Trickle(solvent),
    )
    return Recipe(steps, need)


def shutdown_recipe(settings: Settings, reach: Reach) -> Recipe:
    """Return the normal shutdown: heat off, solvent until cool and clean, pumps off."""
    campaign, reactor = campaign_of(settings), reactor_of(settings)
    below = campaign.safe_temperature
    if reactor.solvent_boiling is not None:
        below = min(below, reactor.solvent_boiling - BOILING_MARGIN)
    trickle = trickle_flows(settings, reach)
    volume = flush_ml(settings)
    steps = (
        HeatOff(reactor.thermostat),
        *_flush_steps(settings, reach),
        Trickle(trickle),
        CoolDown(reactor.thermostat, below, volume, campaign.temperature_timeout),
        StopPumps(),
    )
    cooling = {name: HEATING_MIN * flow for name, flow in trickle.items()}
    flushed = dict.fromkeys(flush_flows(settings, reach), volume)
    need = {
        name: flushed.get(name, 0.0) + cooling.get(name, 0.0) for name in {**flushed, **cooling}
    }
    return Recipe(steps, need)


def flush_recipe(settings: Settings, reach: Reach) -> Recipe:
    """Return the flush before other reagents or another catalyst come, at held temperature."""
    steps = (*_flush_steps(settings, reach), Trickle(trickle_flows(settings, reach)))
    return Recipe(steps, dict.fromkeys(flush_flows(settings, reach), flush_ml(settings)))


def _flush_steps(settings: Settings, reach: Reach) -> tuple[Step, ...]:
    """Return the flush in as many portions as a syringe of solvent needs, each filled before.

    Each filling leaves the trickle that follows its share; without solvent there are no steps.
    """
    flows, volume = flush_flows(settings, reach), flush_ml(settings)
    if not flows:
        return ()
    (name,) = flows
    pump = next(feed.pump for feed in settings.feeds if feed.name == name)
    capacity = reach.pump(pump).capacity_ml
    if capacity is None:
        return (Flush(flows, volume),)
    most = USABLE * capacity
    portions = max(1, ceil(volume / most))
    after = HEATING_MIN * trickle_flows(settings, reach).get(name, 0.0)
    refill = Refill({pump: min(most, volume / portions + after)})
    return (refill, Flush(flows, volume / portions)) * portions


def needed_ml(
    settings: Settings, bound: Bound, wait: WaitSteady, samples: int, reach: Reach
) -> dict[str, float]:
    """Return the volume of each feed the experiment is planned to use, margin included."""
    reactor = reactor_of(settings)
    pumped = wait_ml(reactor, wait.volumes) + longest_line_ml(settings)
    minutes = pumped / bound.total_ml_min
    minutes += ((samples + 1) * reach.acquisition_s + RESERVE_S) / 60.0
    trickle, rinse = trickle_flows(settings, reach), rinse_volumes(settings, bound.flows)
    return {
        feed.name: REFILL_MARGIN
        * (bound.flows[feed.name] * minutes + HEATING_MIN * trickle.get(feed.name, 0.0))
        + rinse.get(feed.name, 0.0)
        for feed in settings.feeds
    }
