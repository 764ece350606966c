"""The parts of a rig, made from its settings: instruments by name, their signals and limits."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol, TypeGuard

from daemon.plugins import load
from daemon.settings.models import InstrumentSettings, Settings
from daemon.units import to_unit
from drivers.roles import Analyser, FlowController, Instrument, Pump, SyringePump, Thermostat, Valve
from drivers.signal import Limits, SignalSpec

PRESSURE_POLL_S = 1.0  # DOMAIN 8, rule 2
HEATER_POLL_S = 1.5  # three readings inside the 5 s a heater may go unseen
FLOW_POLL_S = 2.5  # feeds the communication watchdog of a pump (10 s and more)


class LinesPort(Protocol):
    """What the rig needs of ``drivers.registry.Lines``."""

    def instrument(
        self,
        name: str,
        driver: str,
        port: str,
        options: Mapping[str, Any],
        limits: Mapping[str, Limits],
    ) -> Instrument:
        """Return a new instrument on the line at ``port``; nothing is opened or sent."""
        ...

    def link(self, instrument: str) -> Any:
        """Return the bus or MQTT link of an instrument."""
        ...

    async def open(self, instrument: str) -> None:
        """Open the line of an instrument if it is not open; raise LinkLost when that fails."""
        ...

    async def close(self) -> None:
        """Close all lines."""
        ...


def build_instrument(name: str, settings: Settings, lines: LinesPort) -> Instrument:
    """Return one instrument on its line; nothing is opened. Raises ValueError or ConfigError.

    The driver is given the limits in force, and sets them on the instruments that can hold them
    themselves: a pump then stops at the reactor's pressure even when the daemon is dead.
    """
    own = settings.instruments[name]
    limits = configured_limits(own)
    if settings.reactor is not None and "pressure" not in limits and _measures_bar(own):
        limits["pressure"] = Limits(0.0, settings.reactor.max_pressure)
    return lines.instrument(name, own.driver, own.port, own.options, limits)


def _measures_bar(settings: InstrumentSettings) -> bool:
    spec = _specs_of(settings).get("pressure")
    return spec is not None and spec.unit == "bar"


def _specs_of(settings: InstrumentSettings) -> Mapping[str, SignalSpec]:
    """Return the signals that the driver has with these options."""
    driver = load("taylord.drivers", settings.driver)
    specs: Mapping[str, SignalSpec] = driver.signal_specs(
        driver.Options.model_validate(settings.options)
    )
    return specs


def configured_limits(settings: InstrumentSettings) -> dict[str, Limits]:
    """Return the configured limits by short name, in the signals' units."""
    return {
        signal: Limits(_bound(settings, signal, low), _bound(settings, signal, high))
        for signal, (low, high) in settings.limits.items()
    }


def _bound(settings: InstrumentSettings, signal: str, value: float | str) -> float:
    """Return a number as it is, and a string with a unit in the unit of its signal."""
    if not isinstance(value, str):
        return float(value)
    return to_unit(value, _specs_of(settings)[signal].unit)


def signal_specs(
    settings: Settings, instruments: Mapping[str, Instrument]
) -> dict[str, SignalSpec]:
    """Return every signal by full name, its limits and poll period narrowed as configured."""
    specs: dict[str, SignalSpec] = {}
    for name, instrument in instruments.items():
        own = settings.instruments[name]
        limits = configured_limits(own)
        for short, signal in instrument.signals.items():
            spec = signal.spec
            bounds = spec.limits
            if short in limits:
                bounds = limits[short] if bounds is None else bounds.narrowed(limits[short])
            poll_s = poll_period_s(spec, own.poll_s, instrument)
            specs[signal.full_name] = replace(spec, limits=bounds, poll_s=poll_s)
    return specs


def poll_period_s(
    spec: SignalSpec, configured_s: float | None, instrument: Instrument
) -> float | None:
    """Return how often to poll; what safety rests on is polled often whatever is configured."""
    if spec.poll_s is None:
        return None
    period = spec.poll_s if configured_s is None else configured_s
    if spec.name == "pressure":
        return min(period, PRESSURE_POLL_S)
    if spec.name == "temperature" and is_thermostat(instrument):
        return min(period, HEATER_POLL_S)
    if spec.name == "flow" and is_pump(instrument):
        return min(period, FLOW_POLL_S)
    return period


def is_pump(instrument: Instrument) -> TypeGuard[Pump]:
    """Return whether the instrument delivers a flow.

    Goes by the class: an ``isinstance`` test of a Protocol would evaluate properties that have no
    answer before the instrument is connected.
    """
    return callable(getattr(type(instrument), "set_flow", None))


def is_syringe_pump(instrument: Instrument) -> TypeGuard[SyringePump]:
    """Return whether the instrument is a pump that can be refilled."""
    return is_pump(instrument) and callable(getattr(type(instrument), "refill", None))


def is_thermostat(instrument: Instrument) -> TypeGuard[Thermostat]:
    """Return whether the instrument holds a temperature."""
    return callable(getattr(type(instrument), "set_temperature", None))


def is_valve(instrument: Instrument) -> TypeGuard[Valve]:
    """Return whether the instrument is a switching valve."""
    return callable(getattr(type(instrument), "turn", None))


def is_flow_controller(instrument: Instrument) -> TypeGuard[FlowController]:
    """Return whether the instrument lets a set flow through; a meter of the family does not."""
    if not callable(getattr(type(instrument), "close_flow", None)):
        return False
    return instrument.signals["setpoint"].spec.writable


def is_analyser(instrument: Instrument) -> TypeGuard[Analyser]:
    """Return whether the instrument measures what flows through its cell."""
    return callable(getattr(type(instrument), "acquire", None))
