"""The safety table of a rig: the configured rows, and those that need no configuration.

Built in (DOMAIN 8), and tripping: pressure above ``reactor.max_pressure``; a measured quantity
outside the limits configured for it; a pump that delivers more than its limit; a thermostat hotter
than its setpoint limit by :data:`MARGIN_K`; heat without a temperature reading younger than
:data:`HEATER_STALE_S`; a temperature that runs away from its setpoint; pressure that was there and
is lost while the pump delivers (a leak, an empty bottle); a heated temperature that stands still
far from its setpoint; with ``reactor.heat_needs_flow``, heat while no pump delivers.
"""

from collections.abc import Iterator, Mapping

from daemon.safety.rows import Row
from daemon.settings.models import InterlockSettings, Settings
from daemon.units import to_unit
from drivers.signal import SignalSpec

MARGIN_K = 10.0  # overshoot of a good controller is 1-2 K
FLOW_MARGIN = 0.02  # of the limit; read-backs are rounded
HEATER_STALE_S = 5.0
RUNAWAY_K, RUNAWAY_DELAY_S = 15.0, 5.0  # more than the worst overshoot of a badly tuned controller
FROZEN_S = 300.0  # a bath at full power changes by 0.01 K in a second
KEPT, LOST, LOST_DELAY_S = 0.8, 0.5, 20.0  # of the back pressure; a bubble in the regulator passes
NO_FLOW_S = 60.0  # a boiling reactor is hours away, a refill is not
TOTAL_FLOW = "reactor.flow"  # what the pumps of the feeds read together, mL/min
LEAST_STALE_S = 1.0  # three periods of a faster poll are within the jitter of a shared line


def stale_after_s(poll_s: float | None) -> float | None:
    """Return the age at which a reading is stale by default; None for a signal never polled."""
    return None if poll_s is None else max(3.0 * poll_s, LEAST_STALE_S)


def safety_table(settings: Settings, specs: Mapping[str, SignalSpec]) -> list[Row]:
    """Return all rows; ``specs`` are by full name, with limits and poll periods as configured.

    Raises ValueError for a threshold that is no number in the signal's unit; KeyError for an
    unknown signal (``daemon.settings.check`` has said both before).
    """
    rows = [configured_row(row, specs[row.signal]) for row in settings.interlocks]
    return [
        *rows,
        *_pressure_rows(settings, specs),
        *_limit_rows(settings, specs),
        *_heater_rows(specs),
        *_lost_pressure_rows(settings, specs),
        *_heat_without_flow(settings, specs),
    ]


def configured_row(row: InterlockSettings, spec: SignalSpec) -> Row:
    """Return a configured interlock with its numbers in the signal's unit."""
    return Row(
        row.name,
        row.signal,
        row.action,
        above=None if row.above is None else to_unit(row.above, spec.unit),
        below=None if row.below is None else to_unit(row.below, spec.unit),
        rate_above=row.rate_above,
        other=row.disagrees_with,
        by=row.by,
        deficit=row.flow_deficit,
        commanded_of=tuple(row.flow_of),
        stale_s=row.stale_s if row.stale_s is not None else stale_after_s(spec.poll_s),
        delay_s=row.delay_s,
        latching=row.latching,
    )


def _pressure_rows(settings: Settings, specs: Mapping[str, SignalSpec]) -> Iterator[Row]:
    if settings.reactor is None:
        return
    for name, spec in specs.items():
        if spec.name == "pressure" and spec.unit == "bar":
            limit = settings.reactor.max_pressure
            yield Row(f"{name} beyond the reactor", name, above=limit, bad_counts=False)


def _limit_rows(settings: Settings, specs: Mapping[str, SignalSpec]) -> Iterator[Row]:
    """Configured limits hold for readings too; a low limit of 0 leaves room for noise around it."""
    for instrument, own in settings.instruments.items():
        for short in own.limits:
            name = f"{instrument}.{short}"
            spec = specs[name]
            if spec.limits is None:
                continue
            low, high = spec.limits.low or None, spec.limits.high
            if not spec.writable:
                yield Row(
                    f"{name} outside its limits", name, above=high, below=low, bad_counts=False
                )
            elif short == "flow":
                above = high * (1.0 + FLOW_MARGIN)
                yield Row(f"{name} above its limit", name, above=above, bad_counts=False)


def _heater_rows(specs: Mapping[str, SignalSpec]) -> Iterator[Row]:
    for name, spec in specs.items():
        instrument = name.partition(".")[0]
        setpoint = specs.get(f"{instrument}.setpoint")
        if spec.name != "temperature" or spec.unit != "degC" or setpoint is None:
            continue
        if setpoint.limits is not None:
            limit = setpoint.limits.high + MARGIN_K
            yield Row(f"{name} beyond its limit", name, above=limit, bad_counts=False)
        yield Row(
            f"{instrument} heats unseen",
            name,
            stale_s=HEATER_STALE_S,
            bad_counts=False,
            only_while=f"{instrument}.running",
        )
        yield from _following_rows(instrument, specs)


def _following_rows(instrument: str, specs: Mapping[str, SignalSpec]) -> Iterator[Row]:
    """Give the rows of a heated temperature that does not do what its setpoint says."""
    temperature, setpoint = f"{instrument}.temperature", f"{instrument}.setpoint"
    if specs[setpoint].poll_s is None or f"{instrument}.running" not in specs:
        return
    while_on = f"{instrument}.running"
    yield Row(
        f"{instrument} runs away",
        temperature,
        other=setpoint,
        runaway=RUNAWAY_K,
        delay_s=RUNAWAY_DELAY_S,
        bad_counts=False,
        only_while=while_on,
    )
    yield Row(
        f"{temperature} stands still",
        temperature,
        other=setpoint,
        frozen_s=FROZEN_S,
        bad_counts=False,
        only_while=while_on,
    )


def _lost_pressure_rows(settings: Settings, specs: Mapping[str, SignalSpec]) -> Iterator[Row]:
    """Pressure once built up by the back-pressure regulator is lost only by a leak or by air.

    A sensor of a pump is looked at while that pump delivers, any other while some pump does.
    """
    held = settings.reactor.back_pressure if settings.reactor is not None else 0.0
    for name, spec in specs.items():
        if held > 0 and spec.name == "pressure" and spec.unit == "bar":
            own_flow = f"{name.partition('.')[0]}.flow"
            yield Row(
                f"{name} is lost",
                name,
                below=LOST * held,
                armed_above=KEPT * held,
                delay_s=LOST_DELAY_S,
                bad_counts=False,
                only_while=own_flow if own_flow in specs else TOTAL_FLOW,
            )


def _heat_without_flow(settings: Settings, specs: Mapping[str, SignalSpec]) -> Iterator[Row]:
    reactor = settings.reactor
    if reactor is None or not reactor.heat_needs_flow:
        return
    if f"{reactor.thermostat}.running" in specs:
        yield Row(
            f"{reactor.thermostat} heats without flow",
            TOTAL_FLOW,
            below=1e-6,
            delay_s=NO_FLOW_S,
            only_while=f"{reactor.thermostat}.running",
            cured_by_flow=True,
        )
