"""Ports: what the simulated instruments see of the plant, and nothing more.

The world implements them; an instrument is given the ports it needs at birth. All calls are
synchronous and cheap: the world advances itself lazily to the clock when it is asked. A dead sensor
(fault) reads NaN here: the instrument answers what its manual says of a broken sensor.
Units: mL, mL/min, degC, bar, s, mol/L.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

Clock = Callable[[], float]  # event-loop time, s


class PumpPort(Protocol):
    """The mechanical side of one pump head."""

    def set_flow(self, ml_min: float) -> None:
        """Displace at this rate from now on; negative withdraws (refill from the stock).

        A stall is cleared by the call, and comes back when its cause is still there.
        """
        ...

    def displaced_ml(self) -> float:
        """Return the net displaced volume since the beginning (withdrawal counts back).

        Strokes, not liquid: a head that pumps air displaces as well. A stalled one does not.
        """
        ...

    def pressure_bar(self) -> float:
        """Return the pressure the head works against."""
        ...

    def stalled(self) -> bool:
        """Return whether the motor is stalled: a fault, high pressure, or the end of the stroke."""
        ...


class HeaterPort(Protocol):
    """The heated zone a thermostat holds."""

    def set_goal(self, degc: float | None) -> None:
        """Control to this temperature; None switches heating and cooling off."""
        ...

    def temperature_degc(self) -> float:
        """Return the bath or block temperature."""
        ...

    def power_fraction(self) -> float:
        """Return the heater output, -1 (full cooling) to 1 (full heating)."""
        ...


class PressurePort(Protocol):
    """A tapping point on the line."""

    def pressure_bar(self) -> float:
        """Return gauge pressure."""
        ...

    def temperature_degc(self) -> float:
        """Return the fluid's temperature there."""
        ...


class CellPort(Protocol):
    """The analyser's flow cell."""

    def concentrations(self) -> Mapping[str, float]:
        """Return what is in the cell now, mol/L by species (cold volume)."""
        ...

    def spectrum(self, seconds: float) -> tuple[list[float], list[float], str, str]:
        """Return axis, signal, axis unit, signal unit of a measurement over the last ``seconds``.

        Noise, lamp drift and bubbles of the world are in it.
        """
        ...


class ValvePort(Protocol):
    """The rotor of a switching valve; positions count from 1."""

    def turn(self, position: int) -> None:
        """Begin to turn to this position; the rotor is there after its switching time."""
        ...

    def position(self) -> int:
        """Return the position the rotor is at; the old one while it turns or is stuck."""
        ...


class FlowPort(Protocol):
    """A flow meter in one of the lines."""

    def flow_ml_min(self) -> float:
        """Return the liquid flow there, cold volume."""
        ...

    def temperature_degc(self) -> float:
        """Return the fluid's temperature there."""
        ...

    def gas(self) -> bool:
        """Return whether gas is passing."""
        ...


class BalancePort(Protocol):
    """The pan of a balance, with a bottle on it."""

    def mass_g(self) -> float:
        """Return the mass of bottle and liquid."""
        ...
