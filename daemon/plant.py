"""From a configuration's sections to the description of the simulated plant."""

from collections.abc import Mapping
from typing import Any

from daemon.errors import ConfigError
from daemon.settings.models import ReactorSettings, Settings, SimulationSettings
from simulators.chemistries import chemistry_names, load_chemistry
from simulators.instruments.base import Role
from simulators.kinetics import Chemistry
from simulators.spec import (
    AnalyserSpec,
    BalanceSpec,
    CoilSpec,
    FaultSpec,
    FeedSpec,
    FlowMeterSpec,
    FluidSpec,
    HeaterSpec,
    PlantError,
    PlantSpec,
    PressureSpec,
    PumpSpec,
    ValveSpec,
)

DEFAULT_POINTS = 4096
PLANT_FAULTS = ("clog", "leak", "stall", "air", "empty", "dead_sensor", "heater_stuck")


def plant_spec(settings: Settings, roles: Mapping[str, Role]) -> PlantSpec:
    """Return the plant; raise ConfigError naming every key that keeps it from being simulated."""
    simulated, reactor = settings.simulation, settings.reactor
    faults: list[str] = []
    if simulated is None:
        faults.append(
            "simulation: section is missing; a simulated rig needs it, for example"
            ' [simulation] with chemistry = "snar-hone-2017"'
        )
    if reactor is None:
        faults.append("reactor: section is missing; a simulated rig needs it")
    elif reactor.kind != "coil":
        faults.append(f"reactor.kind: {reactor.kind!r} cannot be simulated; allowed is 'coil'")
    if simulated is None or reactor is None or faults:
        raise ConfigError(faults)
    chemistry = _chemistry(simulated)
    _check_faults(simulated, settings)
    try:
        return _assembled(settings, simulated, reactor, chemistry, roles)
    except PlantError as error:
        raise ConfigError([f"simulation: {fault}" for fault in str(error).split("; ")]) from None


def _chemistry(simulated: SimulationSettings) -> Chemistry:
    try:
        return load_chemistry(simulated.chemistry)
    except KeyError:
        known = ", ".join(chemistry_names())
        raise ConfigError(
            [f"simulation.chemistry: unknown, given {simulated.chemistry!r}, allowed is {known}"]
        ) from None


def _check_faults(simulated: SimulationSettings, settings: Settings) -> None:
    unknown = [
        f"simulation.faults.{k}.instrument: no instrument {fault.instrument!r};"
        f" there are {', '.join(settings.instruments)}"
        for k, fault in enumerate(simulated.faults)
        if fault.instrument is not None and fault.instrument not in settings.instruments
    ]
    if unknown:
        raise ConfigError(unknown)


def _assembled(
    settings: Settings,
    simulated: SimulationSettings,
    reactor: ReactorSettings,
    chemistry: Chemistry,
    roles: Mapping[str, Role],
) -> PlantSpec:
    places = simulated.places
    gain = settings.analysis.gain if settings.analysis else 1.0
    return PlantSpec(
        feeds=_feeds(settings),
        pumps=tuple(
            PumpSpec(name, syringe_ml=_syringe_ml(settings.instruments[name].options))
            for name in _named(roles, "pump")
        ),
        coil=CoilSpec(
            volume_ml=reactor.volume_ml,
            inner_diameter_mm=reactor.inner_diameter_mm,
            thermostat=reactor.thermostat,
            diffusivity_m2_s=reactor.diffusivity_m2_s,
        ),
        chemistry=chemistry,
        heaters=tuple(HeaterSpec(name) for name in _named(roles, "heater")),
        pressures=tuple(
            PressureSpec(name, places.get(name, "inlet"))  # pyright: ignore[reportArgumentType]  # checked by the spec
            for name in _named(roles, "pressure")
        ),
        valves=tuple(ValveSpec(name) for name in _named(roles, "valve")),
        flow_meters=tuple(
            FlowMeterSpec(name, places.get(name, "outlet")) for name in _named(roles, "flow")
        ),
        balances=tuple(
            BalanceSpec(name, places.get(name, "waste")) for name in _named(roles, "balance")
        ),
        analysers=tuple(
            AnalyserSpec(name, gain=gain, points=_points(settings.instruments[name].options))
            for name in _named(roles, "cell")
        ),
        fluid=FluidSpec(expansion_per_k=reactor.expansion_per_k),
        outlet_volume_ml=reactor.outlet_volume_ml,
        back_pressure_bar=reactor.back_pressure,
        compliance_ul_bar=simulated.compliance_ul_bar,
        ambient_degc=simulated.ambient,
        dispersion=simulated.dispersion,
        noise=simulated.noise,
        faults=_plant_faults(simulated),
    )


def _feeds(settings: Settings) -> tuple[FeedSpec, ...]:
    return tuple(
        FeedSpec(
            feed.name,
            feed.pump,
            feed.solutes,
            feed.dead_volume_ml,
            feed.stock_ml,
            feed.valve,
            feed.position or 1,
        )
        for feed in settings.feeds
    )


def _plant_faults(simulated: SimulationSettings) -> tuple[FaultSpec, ...]:
    return tuple(
        FaultSpec(fault.kind, fault.at, fault.instrument, fault.duration, fault.size)  # pyright: ignore[reportArgumentType]  # narrowed by the condition
        for fault in simulated.faults
        if fault.kind in PLANT_FAULTS
    )


def _named(roles: Mapping[str, Role], role: Role) -> list[str]:
    return [name for name, its in roles.items() if its == role]


def _points(options: Mapping[str, Any]) -> int:
    """Return how many points the configured analyser's spectra have."""
    points: Any = options.get("points")
    return points if isinstance(points, int) else DEFAULT_POINTS


def _syringe_ml(options: Mapping[str, Any]) -> float | None:
    """Return the volume of a syringe pump's syringe; None for a pump that draws from a bottle."""
    syringe: Any = options.get("syringe")
    volume = syringe.get("volume_ml") if isinstance(syringe, Mapping) else None
    return None if volume is None else float(volume)
