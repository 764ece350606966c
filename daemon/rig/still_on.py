"""What is on by the last readings: thermostats that control, pumps and controllers that deliver.

A person who finds a campaign waiting asks that first. What cannot be read now may be on: it is
told as well.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from daemon.rig.parts import is_flow_controller, is_pump, is_thermostat
from drivers.roles import Instrument
from drivers.signal import Reading, SignalSpec

JsonObject = dict[str, Any]
UNKNOWN = "not read now, and perhaps on"


class ReadRig(Protocol):
    """What this needs of the rig."""

    instruments: dict[str, Instrument]

    @property
    def specs(self) -> Mapping[str, SignalSpec]:
        """Return every signal by full name."""
        ...

    def latest(self, signal: str) -> Reading:
        """Return the last reading; bad when too old. KeyError when unknown."""
        ...


def still_on(rig: ReadRig) -> list[JsonObject]:
    """Return what is on, JSON-ready: ``instrument``, and ``text`` with the values; heat first."""
    heats = [
        {"instrument": name, "text": text}
        for name, instrument in rig.instruments.items()
        if is_thermostat(instrument)
        for text in _heat(rig, name)
    ]
    flows = [
        {"instrument": name, "text": text}
        for name, instrument in rig.instruments.items()
        for text in _flow(rig, _flow_signal(name, instrument))
    ]
    return heats + flows


def on_now(rig: ReadRig) -> str:
    """Return it in words on one line; empty for nothing."""
    return ", ".join(f"{row['instrument']} {row['text']}" for row in still_on(rig))


def _heat(rig: ReadRig, name: str) -> Iterator[str]:
    """Give the words for a thermostat; without a switch that can be read it counts as on."""
    running = _value(rig, f"{name}.running", otherwise=True)
    if running is None:
        yield UNKNOWN
    elif running:
        temperature = _value(rig, f"{name}.temperature")
        setpoint = _value(rig, f"{name}.setpoint")
        now = "on, its temperature not read" if temperature is None else f"{temperature:.4g} degC"
        yield now if setpoint is None else f"{now} (set to {setpoint:.4g} degC)"


def _flow_signal(name: str, instrument: Instrument) -> str:
    """Return the signal that says whether something is delivered; empty for no such instrument."""
    if is_pump(instrument):
        return f"{name}.flow"
    return f"{name}.setpoint" if is_flow_controller(instrument) else ""


def _flow(rig: ReadRig, signal: str) -> Iterator[str]:
    if signal not in rig.specs:
        return
    flow = _value(rig, signal)
    if flow is None:
        yield UNKNOWN
    elif flow != 0:
        yield f"{flow:.4g} {rig.specs[signal].unit}"


def _value(rig: ReadRig, signal: str, *, otherwise: float | None = None) -> float | None:
    """Return what was read last, None where that is not known; ``otherwise`` without the signal."""
    if signal not in rig.specs:
        return otherwise
    value = rig.latest(signal).value
    return float(value) if isinstance(value, int | float) else None
