"""Cross-checks of chemistry, responses and campaign."""

from collections.abc import Iterator
from inspect import Parameter, signature
from typing import Any

from daemon import plugins
from daemon.errors import ConfigError
from daemon.settings.models import (
    CampaignSettings,
    FactorSettings,
    FaultSettings,
    ObjectiveSettings,
    Settings,
)
from daemon.settings.subject import Subject
from daemon.settings.wording import nearest
from daemon.units import to_unit

FACTOR_UNITS = {"residence_time": "min", "temperature": "degC", "concentration": "mol/L"}

POSITIVE = ("residence_time", "concentration")
ABSOLUTE_ZERO = -273.15  # degC
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
    for full_name in options.get("signals") or ():
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
    """Factors can be commanded, objectives are responses, the planner is installed."""
    campaign = subject.settings.campaign
    if campaign is None:
        return
    for section in ("feeds", "reactor", "chemistry", "analysis", "responses"):
        if not subject.has(section):
            yield f"{section}: is missing: a campaign needs it"
    names: set[str] = set()
    for i, factor in enumerate(campaign.factors):
        at = f"campaign.factors.{i}"
        if factor.name in names:
            yield f"{at}.name: {factor.name!r} is used twice"
        if factor.name in campaign.fixed:
            yield f"campaign.fixed.{factor.name}: is also a factor; a condition varies or is fixed"
        names.add(factor.name)
        yield from _name_faults(subject, f"{at}.name", factor.name)
        yield from _range_faults(at, factor)
    for name, value in campaign.fixed.items():
        at = f"campaign.fixed.{name}"
        yield from _name_faults(subject, at, name)
        yield from _value_faults(at, name, value)
    yield from _missing_conditions(subject, names | set(campaign.fixed))
    yield from _temperature_faults(subject)
    for i, objective in enumerate(campaign.objectives):
        yield from _objective_faults(subject, f"campaign.objectives.{i}", objective)


def condition_names(settings: Settings) -> list[str]:
    """Return the names of conditions this rig can be asked for."""
    limiting = settings.chemistry.limiting if settings.chemistry is not None else ""
    others = {s: None for feed in settings.feeds for s in feed.solutes if s != limiting}
    flows = [f"flow.{feed.name}" for feed in settings.feeds]
    return [*FACTOR_UNITS, *(f"equivalents.{species}" for species in others), *flows]


def _name_faults(subject: Subject, at: str, name: str) -> Iterator[str]:
    if not subject.settings.feeds or subject.settings.chemistry is None:
        return  # said once, by the missing section
    known = condition_names(subject.settings)
    if name not in known:
        yield f"{at}: this rig has no condition {name!r}{nearest(name, known)}"


def _missing_conditions(subject: Subject, given: set[str]) -> Iterator[str]:
    settings = subject.settings
    if not settings.feeds or settings.chemistry is None:
        return
    needed = [n for n in condition_names(settings) if not n.startswith("flow.")]
    if any(name.startswith("flow.") for name in given):
        needed = ["temperature", *(f"flow.{feed.name}" for feed in settings.feeds)]
    elif all(feed.solutes for feed in settings.feeds):
        needed.remove("concentration")  # no diluent: the equivalents fix it
    missing = [name for name in needed if name not in given]
    if missing:
        yield (
            f"campaign.factors: nothing sets {', '.join(missing)}; make each a factor or give it"
            " under campaign.fixed"
        )


def _range_faults(at: str, factor: FactorSettings) -> Iterator[str]:
    if factor.kind == "discrete":
        yield from _discrete_faults(at, factor)
        return
    if factor.kind == "categorical":
        yield f"{at}.kind: conditions of a coil are numbers; 'categorical' cannot be commanded here"
        return
    if factor.values is not None:
        yield f"{at}.values: belong to kind 'discrete', got kind {factor.kind!r}"
    try:
        low, high = factor_bounds(factor)
    except ValueError as error:
        yield f"{at}: {error}"
        return
    if not low < high:
        yield f"{at}.low: must be less than high, got [{low:g}, {high:g}]"
    yield from _value_faults(f"{at}.low", factor.name, low)


def _discrete_faults(at: str, factor: FactorSettings) -> Iterator[str]:
    if not factor.values:
        yield f"{at}.values: is missing: a discrete factor lists its values"
    for key in ("low", "high"):
        if getattr(factor, key) is not None:
            yield f"{at}.{key}: belongs to kind 'continuous', got kind 'discrete'"
    for i, value in enumerate(factor.values or ()):
        yield from _value_faults(f"{at}.values.{i}", factor.name, value)


def _value_faults(at: str, name: str, value: float | str) -> Iterator[str]:
    """A condition's value is a number of its unit, and one that matter can have."""
    unit = factor_unit(name)
    try:
        number = to_unit(value, unit)
    except ValueError as error:
        yield f"{at}: {error}"
        return
    if name in POSITIVE and number <= 0:
        yield f"{at}: must be greater than 0 {unit}, got {number:g}"
    elif number < (ABSOLUTE_ZERO if name == "temperature" else 0.0):
        least = f"{ABSOLUTE_ZERO:g} degC" if name == "temperature" else "0"
        yield f"{at}: must be at least {least}, got {number:g}"


def factor_bounds(factor: FactorSettings) -> tuple[float, float]:
    """Return low and high of a continuous factor in the unit of problems; raise ValueError."""
    unit = factor_unit(factor.name)
    if factor.low is None or factor.high is None:
        raise ValueError("a continuous factor needs low and high")
    return to_unit(factor.low, unit), to_unit(factor.high, unit)


def factor_unit(name: str) -> str:
    """Return the unit of a condition by its name."""
    if name.startswith("flow."):
        return "mL/min"
    return FACTOR_UNITS.get(name, "dimensionless")


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


def _temperature_faults(subject: Subject) -> Iterator[str]:
    """The temperatures asked for lie inside the configured limits of the thermostat."""
    settings = subject.settings
    if settings.campaign is None or settings.reactor is None:
        return
    thermostat = settings.instruments.get(settings.reactor.thermostat)
    limits = thermostat.limits.get("setpoint") if thermostat is not None else None
    if limits is None:
        return
    try:
        low, high = (to_unit(bound, "degC") for bound in limits)
        asked = dict(_temperatures(settings.campaign))
    except ValueError:
        return  # said once, where the number stands
    for at, value in asked.items():
        if not low <= value <= high:
            yield (
                f"campaign.{at}: {value:g} degC is beyond the limits of"
                f" {settings.reactor.thermostat}.setpoint, [{low:g}, {high:g}] degC"
            )


def _temperatures(campaign: CampaignSettings) -> Iterator[tuple[str, float]]:
    """Give every temperature a campaign may ask for, with its key; raise ValueError."""
    if "temperature" in campaign.fixed:
        yield "fixed.temperature", to_unit(campaign.fixed["temperature"], "degC")
    for i, factor in enumerate(campaign.factors):
        if factor.name != "temperature":
            continue
        if factor.kind == "discrete":
            yield from ((f"factors.{i}.values.{n}", v) for n, v in enumerate(factor.values or ()))
        elif factor.kind == "continuous":
            ends = zip(("low", "high"), factor_bounds(factor), strict=True)
            yield from ((f"factors.{i}.{key}", value) for key, value in ends)
