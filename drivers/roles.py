"""Roles an instrument can fill on a rig; small protocols, so that makes are interchangeable.

Units: mL, mL/min, degC, bar, s. Every method raises a subclass of
:class:`drivers.errors.InstrumentError` on failure and never returns a made-up value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from drivers.signal import Lane, Reading, Signal


@runtime_checkable
class Instrument(Protocol):
    """What the rig needs of every instrument."""

    name: str

    @property
    def signals(self) -> Mapping[str, Signal]:
        """Return the signals by short name, in table order."""
        ...

    async def identify(self) -> str:
        """Ask who answers; return model and firmware; raise WrongInstrument. Moves nothing."""
        ...

    async def prepare(self) -> None:
        """After (re)connecting: read settings, set device limits and watchdog. Moves nothing."""
        ...

    async def check(self) -> None:
        """Raise DeviceFault while the instrument reports an alarm of its own."""
        ...

    async def poll(self, names: Sequence[str]) -> Sequence[Reading]:
        """Read these signals (short names) in as few exchanges as possible.

        Faults of one signal come as bad readings; a fault of the whole exchange is raised.
        """
        ...

    async def make_safe(self) -> None:
        """Drive to the safe state on the trip lane: pumps stop, heat and light off."""
        ...


@runtime_checkable
class Pump(Instrument, Protocol):
    """A pump that delivers a set flow."""

    @property
    def max_flow_ml_min(self) -> float:
        """Return the largest flow that can be set now."""
        ...

    @property
    def min_flow_ml_min(self) -> float:
        """Return the smallest non-zero flow that can be set."""
        ...

    @property
    def flow_step_ml_min(self) -> float:
        """Return the resolution of the setpoint around the smallest flows."""
        ...

    def rounded_flow(self, ml_min: float) -> float:
        """Return the nearest flow that the wire format can carry."""
        ...

    async def set_flow(self, ml_min: float, lane: Lane = Lane.COMMAND) -> float:
        """Deliver this flow from now on; 0 stops. Return the read-back, mL/min."""
        ...

    async def stop(self, lane: Lane = Lane.COMMAND) -> None:
        """Stop delivering; confirmed where the instrument can confirm."""
        ...


@runtime_checkable
class SyringePump(Pump, Protocol):
    """A pump with a finite stroke."""

    @property
    def capacity_ml(self) -> float:
        """Return the volume of a full syringe."""
        ...

    async def dispensed_ml(self) -> float:
        """Return the volume infused since the last fill, as the instrument counts it."""
        ...

    async def remaining_ml(self) -> float:
        """Return what is left in the syringe."""
        ...

    async def refill(self, volume_ml: float, flow_ml_min: float) -> None:
        """Withdraw this volume (from the reservoir, through check valves); return when done."""
        ...


@runtime_checkable
class Thermostat(Instrument, Protocol):
    """Holds a temperature."""

    @property
    def temperature(self) -> Signal:
        """Return the signal that measures what is controlled, degC."""
        ...

    async def set_temperature(self, degc: float, lane: Lane = Lane.COMMAND) -> float:
        """Set the setpoint and switch control on; return the read-back, degC."""
        ...

    async def heat_off(self, lane: Lane = Lane.COMMAND) -> None:
        """Switch control off; the bath drifts to ambient."""
        ...


@runtime_checkable
class FlowController(Instrument, Protocol):
    """Lets a set flow through that something else pushes: a cylinder, a head of pressure."""

    @property
    def setpoint(self) -> Signal:
        """Return the signal of the set flow, mL/min; not writable in a meter of the family."""
        ...

    async def close_flow(self, lane: Lane = Lane.COMMAND) -> None:
        """Set the flow to 0, confirmed; nothing in a meter."""
        ...


@runtime_checkable
class Valve(Instrument, Protocol):
    """A switching or selector valve; positions count from 1 (of two: 1 is A, 2 is B)."""

    @property
    def positions(self) -> int:
        """Return how many positions there are; known after ``prepare``."""
        ...

    async def turn(self, position: int, lane: Lane = Lane.COMMAND) -> int:
        """Turn to this position, wait until it is there, return the read-back.

        Raises OutOfRange before anything is sent, and DeviceFault or ReadbackMismatch when the
        rotor does not arrive.
        """
        ...


@dataclass(frozen=True, slots=True)
class Spectrum:
    """One analyser measurement, raw.

    ``axis`` and ``y`` have shape ``(n,)``. ``started`` and ``finished`` are event-loop times (s):
    the sample was in the cell between them.
    """

    axis: NDArray[np.float64]
    axis_unit: str
    y: NDArray[np.float64]
    y_unit: str
    started: float
    finished: float
    meta: Mapping[str, Any] = field(default_factory=dict[str, Any])


@runtime_checkable
class Analyser(Instrument, Protocol):
    """Measures what flows through its cell, on request."""

    @property
    def acquisition_s(self) -> float:
        """Return how long one measurement takes, about, s."""
        ...

    async def acquire(self, label: str) -> Spectrum:
        """Take one measurement now; raise DeviceFault, NoReply or LinkLost when there is none."""
        ...
