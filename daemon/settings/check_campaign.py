"""Cross-checks of chemistry, responses and campaign."""

from collections.abc import Iterator
from inspect import Parameter, signature
from typing import Any, cast

from daemon import plugins
from daemon.errors import ConfigError
from daemon.settings.models import (
    CampaignSettings,
    FaultSettings,
    ObjectiveSettings,
    PlannerCommand,
    Settings,
)
from daemon.settings.subject import Subject
from daemon.settings.wording import nearest

# what a simulated fault can happen to: the method that makes the role
FAULTY = {
    "stall": ("set_flow", "a pump"),
    "air": ("set_flow", "a pump"),
    "empty": ("set_flow", "a pump"),
    "heater_stuck": ("set_temperature", "a thermostat"),
}
NAMED = ("stall", "air", "empty", "dead_sensor", "silent", "garbage", "unplug")


def chemistry_faults(subject: Subject) -> Iterator[str]:
    """Species named anywhere are fed, or known to the simulated chemistry."""
    settings = subject.settings
    yield from _simulation_faults(subject)
    chemistry = settings.chemistry
    if chemistry is None:
        if (
            settings.reactor is not None
            and not subject.has("chemistry")
            and settings.campaign is None
        ):
            yield "chemistry: is missing: a reactor needs its limiting species and product"
        return
    fed = {species for feed in settings.feeds for species in feed.solutes}
    if settings.feeds and chemistry.limiting not in fed:
        close = nearest(chemistry.limiting, fed)
        yield f"chemistry.limiting: no feed contains {chemistry.limiting!r}{close}"
    known = known_species(settings)
    if chemistry.product == chemistry.limiting:
        yield f"chemistry.product: must not be the limiting species, got {chemistry.product!r}"
    if known and chemistry.product not in known:
        close = nearest(chemistry.product, known)
        yield f"chemistry.product: unknown species {chemistry.product!r}{close}"
    elif settings.analysis is not None and not known and not subject.has("simulation"):
        yield (
            f"analysis.peaks: has no entry for the product {chemistry.product!r}; without"
            " [simulation] chemistry, say where it shows in the spectrum"
        )


def _simulation_faults(subject: Subject) -> Iterator[str]:
    simulation = subject.settings.simulation
    if simulation is None:
        return
    chemistries = plugins.names("taylord.chemistries")
    if simulation.chemistry not in chemistries:
        known = nearest(simulation.chemistry, chemistries)
        yield f"simulation.chemistry: unknown chemistry {simulation.chemistry!r}{known}"
        return
    species = plugins.load("taylord.chemistries", simulation.chemistry)().species
    for i, feed in enumerate(subject.settings.feeds):
        for name in feed.solutes:
            if name not in species:
                yield (
                    f"feeds.{i}.solutes.{name}: chemistry {simulation.chemistry!r} has no such"
                    f" species{nearest(name, species)}"
                )
    for i, fault in enumerate(simulation.faults):
        yield from _target_faults(subject, f"simulation.faults.{i}.instrument", fault)


def _target_faults(subject: Subject, at: str, fault: FaultSettings) -> Iterator[str]:
    """A simulated fault happens to an instrument that can have it."""
    given, method = fault.instrument, FAULTY.get(fault.kind)
    if given is None:
        if fault.kind in NAMED:
            yield f"{at}: is missing: {fault.kind!r} happens to one instrument"
    elif given not in subject.instruments:
        yield f"{at}: no instrument {given!r}{nearest(given, subject.instruments)}"
    elif method is not None and not subject.fills(given, method[0]):
        yield f"{at}: {fault.kind!r} happens to {method[1]}, got {given!r}"


def known_species(settings: Settings) -> set[str]:
    """Return every species the analysis can see: from its peaks, or from the chemistry's."""
    found = set(settings.analysis.peaks) if settings.analysis is not None else set[str]()
    if settings.simulation is not None:
        name = settings.simulation.chemistry
        if name in plugins.names("taylord.chemistries"):
            found |= set(plugins.load("taylord.chemistries", name)().species)
    return found


def response_faults(subject: Subject) -> Iterator[str]:
    """Responses are installed, their names unique, their options right."""
    installed = plugins.names("taylord.responses")
    seen: set[str] = set()
    for i, response in enumerate(subject.settings.responses):
        at = f"responses.{i}"
        if response.name in seen:
            yield f"{at}.name: {response.name!r} is used twice; names of responses are unique"
        seen.add(response.name)
        kind = response.kind or response.name
        if kind not in installed:
            key = "kind" if response.kind else "name"
            yield f"{at}.{key}: unknown response {kind!r}{nearest(kind, installed)}"
            continue
        options = dict(response.model_extra or {})
        unknown = list(keyword_faults(at, plugins.load("taylord.responses", kind), options))
        yield from unknown or _option_faults(at, kind, options)
        yield from _signal_faults(f"{at}.signals", options, subject)
        yield from _species_faults(f"{at}.species", options, known_species(subject.settings))
    if (
        subject.settings.responses
        and subject.settings.analysis is None
        and not subject.has("analysis")
        and subject.settings.campaign is None  # which says it too
    ):
        yield "analysis: is missing: responses need an analyser"


def _option_faults(at: str, kind: str, options: dict[str, Any]) -> Iterator[str]:
    """The response takes these values: its files are there, its numbers make sense."""
    from daemon.analysis.pipeline import load_response  # numerics: not for files without responses

    try:
        load_response(kind, options)
    except ConfigError as error:
        yield from (fault.replace(f"responses.{kind}", at, 1) for fault in error.faults)


def _signal_faults(at: str, options: dict[str, Any], subject: Subject) -> Iterator[str]:
    """The signals that a response follows are signals of this rig."""
    given = options.get("signals")
    for full_name in cast("list[Any]", given) if isinstance(given, list) else ():
        instrument, _, signal = str(full_name).partition(".")
        if instrument not in subject.instruments:
            yield f"{at}: no instrument {instrument!r}{nearest(instrument, subject.instruments)}"
            continue
        specs = subject.signals_of(instrument)
        if specs is not None and signal not in specs:
            yield f"{at}: {instrument} has no signal {signal!r}{nearest(signal, specs)}"


def _species_faults(at: str, options: dict[str, Any], known: set[str]) -> Iterator[str]:
    given = options.get("species")
    if given is not None and known and given not in known:
        yield f"{at}: unknown species {given!r}{nearest(str(given), known)}"


def keyword_faults(at: str, maker: Any, options: dict[str, Any]) -> Iterator[str]:
    """The options are keywords of the constructor; required ones are given."""
    parameters = signature(maker).parameters
    if any(p.kind is Parameter.VAR_KEYWORD for p in parameters.values()):
        return
    for key in options:
        if key not in parameters:
            yield f"{at}.{key}: unknown key{nearest(key, parameters)}"
    for key, parameter in parameters.items():
        if parameter.default is Parameter.empty and key not in options:
            yield f"{at}.{key}: is missing"


def campaign_faults(subject: Subject) -> Iterator[str]:
    """A campaign has the sections it needs, and its objectives are responses."""
    campaign = subject.settings.campaign
    if campaign is None:
        return
    for section in ("feeds", "reactor", "chemistry", "analysis", "responses"):
        if not subject.has(section):
            yield f"{section}: is missing: a campaign needs it"
    for i, objective in enumerate(campaign.objectives):
        yield from _objective_faults(subject, f"campaign.objectives.{i}", objective)
    yield from _stop_faults(campaign)
    yield from _batch_faults(campaign)
    if campaign.approve and subject.settings.mqtt is None:
        yield "campaign.approve: nobody can approve a point without a broker: section [mqtt]"


def _batch_faults(campaign: CampaignSettings) -> Iterator[str]:
    """What a batch shares are factors, and it is not asked ahead as well."""
    names = [factor.name for factor in campaign.factors]
    for i, name in enumerate(campaign.shared):
        if name not in names:
            yield f"campaign.shared.{i}: {name!r} is no factor{nearest(name, names)}"
    if campaign.batch > 1 and campaign.pending > 1:
        yield "campaign.pending: is for points one by one; leave it out, or leave batch out"
    if campaign.shared and max(campaign.batch, campaign.pending) < 2:
        yield "campaign.shared: points run one by one share nothing; give batch, or leave it out"
    if campaign.ramp_k_min is not None and campaign.cost != "time":
        yield 'campaign.ramp_k_min: is for cost = "time" alone; give that, or leave it out'
    if campaign.cost == "time" and isinstance(campaign.planner, PlannerCommand):
        yield "campaign.cost: is told to an installed planner, not to a program"


def _stop_faults(campaign: CampaignSettings) -> Iterator[str]:
    """The rules can be judged by the objectives there are."""
    stop, goals = campaign.stop, {o.response: o.goal for o in campaign.objectives}
    if stop.regret_below is not None and (len(goals) > 1 or "target" in goals.values()):
        what = "needs one objective, to maximise or minimise"
        yield f"campaign.stop.regret_below: {what}; no_improvement works with all"
    for name in stop.reached:
        if name not in goals:
            yield f"campaign.stop.reached.{name}: is no objective{nearest(name, goals)}"
        elif goals[name] == "target":
            yield f"campaign.stop.reached.{name}: is a target; use targets_met"
    if stop.targets_met and "target" not in goals.values():
        yield "campaign.stop.targets_met: there is no objective with goal 'target'"
    if not _has_rule(campaign):
        if stop.model_fields_set & {"least", "probability"}:
            rules = "regret_below, no_improvement, reached, targets_met"
            yield f"campaign.stop: never stops: give at least one of {rules}"
    elif stop.least >= campaign.experiments:
        yield (
            f"campaign.stop.least: must be less than campaign.experiments,"
            f" {campaign.experiments}, got {stop.least}"
        )


def _has_rule(campaign: CampaignSettings) -> bool:
    stop = campaign.stop
    asked = (stop.regret_below, stop.no_improvement)
    return any(rule is not None for rule in asked) or bool(stop.reached) or stop.targets_met


def _objective_faults(subject: Subject, at: str, objective: ObjectiveSettings) -> Iterator[str]:
    responses = subject.names_in("responses")
    if objective.response not in responses:
        close = nearest(objective.response, responses)
        yield f"{at}.response: no response is called {objective.response!r}{close}"
    if objective.goal == "target":
        low, high = objective.low, objective.high
        if low is None or high is None or not low < high:
            yield f"{at}: goal 'target' needs low < high, got low {low} and high {high}"
    elif objective.low is not None or objective.high is not None:
        yield f"{at}: low and high belong to goal 'target', got goal {objective.goal!r}"
