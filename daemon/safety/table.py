"""The safety table of a rig: the configured rows, and those that need no configuration.

Built in (DOMAIN 8), and tripping: pressure above ``reactor.max_pressure``; a measured quantity
outside the limits configured for it; a pump that delivers more than its limit; a thermostat hotter
than its setpoint limit by :data:`MARGIN_K`; heat without a temperature reading younger than
:data:`HEATER_STALE_S`.
"""

from collections.abc import Iterator, Mapping

from daemon.safety.rows import Row
from daemon.settings.models import InterlockSettings, Settings
from daemon.units import to_unit
from drivers.signal import SignalSpec

MARGIN_K = 10.0  # overshoot of a good controller is 1-2 K
FLOW_MARGIN = 0.02  # of the limit; read-backs are rounded
HEATER_STALE_S = 5.0
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
