"""Feasibility: conditions are refused before anything moves, naming the bound (DOMAIN 2, 3.1).

Every refusal is one sentence ``what: the value, the bound, what would do``. Nothing is clipped.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from daemon.experiment.binding import Bound, bind
from daemon.experiment.faults import ConditionsRefused
from daemon.experiment.mixture import pressure_bar
from daemon.experiment.reach import ARITHMETIC, Reach, reach_of
from daemon.experiment.recipe import needed_ml, shutdown_recipe, wait_for
from daemon.settings.conditions import whole_conditions
from daemon.settings.models import FeedSettings, Settings

ROUNDING = 0.05  # of a reagent's flow: what rounding may change before the conditions are refused


def check(
    settings: Settings,
    conditions: Mapping[str, Any],
    reach: Reach | None = None,
    used_ml: Mapping[str, float] | None = None,
    samples: int | None = None,
    *,
    explain: bool = True,
) -> Bound:
    """Return the flows that make these conditions; raise ConditionsRefused with every refusal."""
    reach = reach or reach_of(settings)
    bound = bind(settings, conditions, reach, explain=explain)
    faults = [
        *_temperature(settings, bound, reach),
        *_pumps(settings, bound, reach),
        *_valves(settings, bound),
        *_pressure(settings, bound),
    ]
    if not faults:
        faults = list(_volumes(settings, bound, reach, used_ml or {}, samples))
    if faults:
        raise ConditionsRefused(faults)
    return bound


def refusals(
    settings: Settings,
    conditions: Mapping[str, Any],
    reach: Reach | None = None,
    used_ml: Mapping[str, float] | None = None,
) -> list[str]:
    """Return why these conditions cannot be run, or nothing; pure and cheap."""
    try:
        check(settings, conditions, reach, used_ml)
    except ConditionsRefused as error:
        return list(error.reasons)
    return []


def _temperature(settings: Settings, bound: Bound, reach: Reach) -> Iterator[str]:
    t = bound.temperature_degc
    reactor = settings.reactor
    if reach.temperature is not None and t not in reach.temperature:
        name = reactor.thermostat if reactor is not None else "thermostat"
        yield f"temperature: {t:g} degC is outside the limits of {name}, {reach.temperature} degC"
    if reactor is not None and reactor.solvent_boiling is not None and t >= reactor.solvent_boiling:
        yield (
            f"temperature: {t:g} degC would boil the solvent; must be below"
            f" {reactor.solvent_boiling:g} degC (reactor.solvent_boiling)"
        )


def _pumps(settings: Settings, bound: Bound, reach: Reach) -> Iterator[str]:
    tau = bound.commanded.get("residence_time", 0.0)
    for feed in settings.feeds:
        pump, exact, flow = reach.pump(feed.pump), bound.exact[feed.name], bound.flows[feed.name]
        at = f"flow.{feed.name}: {exact:.4g} mL/min"
        if max(exact * (1 - ARITHMETIC), flow) > pump.high:
            yield (
                f"{at} is more than {feed.pump} can deliver, {pump.high:g} mL/min;"
                f" a residence time of {tau * exact / pump.high:.3g} min or more would do"
            )
        elif 0 < exact < pump.low * (1 - ARITHMETIC):
            yield (
                f"{at} is less than {feed.pump} can deliver, {pump.low:g} mL/min;"
                f" a residence time of {tau * exact / pump.low:.3g} min or less would do"
            )
        elif exact > 0 and feed.solutes and abs(flow - exact) > ROUNDING * exact:
            yield (
                f"{at} would be rounded by {feed.pump} to {flow:.4g} mL/min, more than"
                f" {100 * ROUNDING:g} % off; a shorter residence time would do"
            )
    if bound.total_ml_min <= 0:
        yield "flow: the feeds are all stopped at these conditions; at least one must flow"


def _valves(settings: Settings, bound: Bound) -> Iterator[str]:
    """Feeds behind one valve flow together only when they share its position."""
    behind: dict[str, FeedSettings] = {}
    for feed in settings.feeds:
        if feed.valve is None or bound.flows[feed.name] <= 0:
            continue
        other = behind.setdefault(feed.valve, feed)
        if other.position != feed.position:
            yield (
                f"valve {feed.valve}: feeds {other.name} (position {other.position}) and"
                f" {feed.name} (position {feed.position}) cannot flow at once; leave one out"
            )


def _pressure(settings: Settings, bound: Bound) -> Iterator[str]:
    reactor = settings.reactor
    if reactor is None or bound.total_ml_min <= 0:
        return
    pressure = pressure_bar(reactor, bound.total_ml_min)
    if pressure > reactor.max_pressure:
        room = reactor.max_pressure - reactor.back_pressure
        drop = pressure - reactor.back_pressure
        most = bound.total_ml_min * max(0.0, room) / drop
        fits = (
            f"a residence time of {reactor.volume_ml / most:.3g} min or more would do"
            if most > 0
            else "lower the back pressure"
        )
        yield (
            f"pressure: {bound.total_ml_min:.4g} mL/min needs about {pressure:.3g} bar, more than"
            f" reactor.max_pressure, {reactor.max_pressure:g} bar; {fits}"
        )


def _volumes(
    settings: Settings,
    bound: Bound,
    reach: Reach,
    used_ml: Mapping[str, float],
    samples: int | None,
) -> Iterator[str]:
    if samples is None:
        samples = settings.analysis.samples if settings.analysis is not None else 1
    wait = wait_for(settings, bound, reach.acquisition_s)
    need = needed_ml(settings, bound, wait, samples, reach)
    budgeted = any(feed.stock_ml is not None for feed in settings.feeds)
    reserve = shutdown_recipe(settings, reach).need_ml if budgeted else {}
    for feed in settings.feeds:
        capacity = reach.pump(feed.pump).capacity_ml
        if capacity is not None and need[feed.name] > capacity:
            yield (
                f"feed {feed.name}: needs {need[feed.name]:.3g} mL without a pause, more than the"
                f" syringe of {feed.pump} holds, {capacity:g} mL; less flow or fewer samples fit"
            )
        left = feed.stock_ml - used_ml.get(feed.name, 0.0) if feed.stock_ml is not None else None
        if left is not None and need[feed.name] + reserve.get(feed.name, 0.0) > left:
            kept = f" and {reserve[feed.name]:.3g} mL to shut down" if feed.name in reserve else ""
            yield (
                f"feed {feed.name}: needs {need[feed.name]:.3g} mL{kept}, and {max(left, 0.0):.3g}"
                f" mL of the stock of {feed.stock_ml:g} mL is left; replace the stock"
            )


class Feasible:
    """Whether a planner's point can be run: a callable for campaigns that search with it.

    What a box of factors leaves out is a curved surface (concentration times equivalents), so it
    cannot be given to a planner as linear constraints; points are tested instead.
    """

    def __init__(self, settings: Settings, reach: Reach | None = None) -> None:
        self._settings, self._reach = settings, reach or reach_of(settings)

    def __call__(self, conditions: Mapping[str, Any]) -> bool:
        """Return whether the conditions can be run."""
        try:
            check(self._settings, self._whole(conditions), self._reach, explain=False)
        except ConditionsRefused:
            return False
        return True

    def why_not(self, conditions: Mapping[str, Any]) -> list[str]:
        """Return why they cannot, one sentence for each bound."""
        return refusals(self._settings, self._whole(conditions), self._reach)

    def _whole(self, conditions: Mapping[str, Any]) -> dict[str, Any]:
        """Return the conditions with those that the campaign fixes."""
        return whole_conditions(self._settings.campaign, conditions)
