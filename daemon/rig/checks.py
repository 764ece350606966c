"""What the guard asks before anything acts; every refusal says what forbids it."""

import asyncio
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Protocol, TypeGuard, TypeVar

from daemon.errors import BadRequest, OutOfLimits, Refused
from daemon.rig.ways import Gate
from daemon.safety.rows import Row, Violation
from drivers.roles import Instrument, Thermostat
from drivers.signal import Quality, Reading, SignalSpec, Value

R = TypeVar("R")

FRESH_S = 5.0  # DOMAIN 8, rule 4


class Surroundings(Protocol):
    """What the guard asks of the rig."""

    @property
    def specs(self) -> Mapping[str, SignalSpec]:
        """Return every signal by full name, with the limits in force."""
        ...

    @property
    def gates(self) -> Mapping[str, Gate]:
        """Return the valves that pumps deliver or draw through."""
        ...

    @property
    def heat_needs_flow(self) -> bool:
        """Return whether heat is refused while no pump delivers."""
        ...

    def instrument(self, name: str) -> Instrument:
        """Return an instrument; KeyError when unknown."""
        ...

    def require_connected(self, name: str) -> None:
        """Raise NotConnected, saying why, while an instrument is down."""
        ...

    def latest(self, signal: str) -> Reading:
        """Return the last reading; bad when stale."""
        ...

    def require_released(self) -> None:
        """Raise Tripped, or Refused, while nothing may act."""
        ...

    def violated(self) -> list[tuple[Row, Violation]]:
        """Return the interlocks violated now."""
        ...

    def heating(self, thermostat: str, on: bool) -> None:
        """Note that a thermostat may be heating from now on, or is not any more."""
        ...

    def commanded(self, signal: str, value: float | None) -> None:
        """Note the setpoint that a signal follows from now on; None while it is being changed."""
        ...


class Checks:
    """The checks of one rig."""

    def __init__(self, rig: Surroundings) -> None:
        self._rig = rig
        self._pressures = {name for name, spec in rig.specs.items() if spec.unit == "bar"}

    def may_act(self, instrument: str) -> None:
        """Refuse while the rig is tripped or ending, or the instrument is down."""
        self._rig.require_released()
        self._rig.require_connected(instrument)

    def within(self, signal: str, value: float) -> None:
        """Refuse a value outside the limits of the instrument and the configuration."""
        spec = self._rig.specs[signal]
        if spec.limits is not None and value not in spec.limits:
            given = f"{value:g} {spec.unit}".strip()
            raise OutOfLimits(f"{signal}: {given} is outside its limits {spec.limits} {spec.unit}")

    def fresh(self, thermostat: Thermostat) -> None:
        """Refuse heat without a temperature reading younger than FRESH_S."""
        reading = self._rig.latest(thermostat.temperature.full_name)
        age = asyncio.get_running_loop().time() - reading.t
        if reading.quality is Quality.BAD or age > FRESH_S:
            raise Refused(
                f"{reading.signal} has no fresh reading; heat needs one under {FRESH_S:g} s"
            )

    def way_open(self, pump: str) -> None:
        """Refuse a flow against a valve that is not seen open to it (DOMAIN 3)."""
        gate = self._rig.gates.get(pump)
        if gate is None:
            return
        at = self._rig.latest(gate.signal)
        if at.quality is Quality.BAD or at.value not in gate.feeds:
            where = f"at {at.value}" if at.value is not None else f"not known ({at.reason})"
            raise Refused(
                f"{pump} delivers through {gate.valve}, which is {where};"
                f" turn it to {gate.open_at} first"
            )

    def way_free(self, valve: str, position: int, flows: Mapping[str, float]) -> None:
        """Refuse to turn a valve away from a pump that may be delivering through it."""
        for pump, gate in self._rig.gates.items():
            if gate.valve != valve or not self._delivers(pump, flows):
                continue
            seen = self._rig.latest(gate.signal).value
            at = seen if len(gate.feeds) > 1 else next(iter(gate.feeds))
            if position != at:
                where = "an unknown position" if at is None else at
                raise Refused(f"{pump} delivers through {valve} at {where}; stop it first")

    def _delivers(self, pump: str, flows: Mapping[str, float]) -> bool:
        """Return whether a pump runs, by its last command, or else by its last reading."""
        if pump in flows:
            return flows[pump] > 0
        read = self._rig.latest(f"{pump}.flow").value
        return isinstance(read, int | float) and read > 0

    def not_violated(self, *, raises_flow: bool = False) -> None:
        """Refuse while a tripping interlock is violated; more flow also on a pressure warning."""
        for row, found in self._rig.violated():
            if raises_flow and row.cured_by_flow:
                continue
            warns = raises_flow and row.signal in self._pressures
            if row.action == "trip" or warns:
                raise Refused(f"interlock {row.name!r}: {found.message}")

    def role(self, name: str, fills: Callable[[Instrument], TypeGuard[R]], what: str) -> R:
        """Return an instrument that fills a role; raise BadRequest when it does not."""
        try:
            instrument = self._rig.instrument(name)
        except KeyError:
            raise BadRequest(f"no instrument {name!r} on this rig") from None
        if not fills(instrument):
            raise BadRequest(f"{name} is not {what}")
        return instrument


def finite(name: str, value: object) -> float:
    """Return a number that is one; raise BadRequest for NaN, infinity, text and bool."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise BadRequest(f"{name}: must be a finite number, got {value!r}")
    return float(value)


def whole(name: str, value: object) -> int:
    """Return a whole number; raise BadRequest for anything else."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadRequest(f"{name}: must be a whole number, got {value!r}")
    return value


def of_kind(signal: str, spec: SignalSpec, value: Value) -> Value:
    """Return the value as the signal's kind; raise BadRequest when it is of another."""
    if spec.kind is float:
        return finite(signal, value)
    wanted = spec.kind
    if type(value) is not wanted:
        raise BadRequest(f"{signal}: must be {wanted.__name__}, got {value!r}")
    if spec.choices and value not in spec.choices:
        raise BadRequest(f"{signal}: must be one of {', '.join(spec.choices)}, got {value!r}")
    return value
