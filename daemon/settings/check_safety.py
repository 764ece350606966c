"""Cross-checks of interlocks and of the broker."""

from collections.abc import Iterator
from pathlib import Path

from daemon.settings.models import InterlockSettings
from daemon.settings.subject import Subject
from daemon.settings.wording import nearest
from daemon.units import to_unit
from drivers.signal import SignalSpec

CONDITIONS = ("above", "below", "rate_above", "stale_s", "disagrees_with", "flow_deficit")


def mqtt_faults(subject: Subject) -> Iterator[str]:
    """Secrets and certificates are files that can be read."""
    mqtt = subject.settings.mqtt
    if mqtt is None:
        return
    for key in ("password_file", "tls_ca_file"):
        path = getattr(mqtt, key)
        if path is not None and not Path(path).is_file():
            yield f"mqtt.{key}: no such file, got {path!r}"
    if mqtt.password_file is not None and mqtt.username is None:
        yield "mqtt.password_file: needs mqtt.username beside it"


def interlock_faults(subject: Subject) -> Iterator[str]:
    """Interlocks watch known signals, and say when they act."""
    seen: set[str] = set()
    for i, row in enumerate(subject.settings.interlocks):
        at = f"interlocks.{i}"
        if row.name in seen:
            yield f"{at}.name: {row.name!r} is used twice; names of interlocks are unique"
        seen.add(row.name)
        yield from _signal_fault(subject, f"{at}.signal", row.signal)
        if row.disagrees_with is not None:
            yield from _signal_fault(subject, f"{at}.disagrees_with", row.disagrees_with)
        for j, signal in enumerate(row.flow_of):
            yield from _signal_fault(subject, f"{at}.flow_of.{j}", signal)
        yield from _condition_faults(subject, at, row)


def _condition_faults(subject: Subject, at: str, row: InterlockSettings) -> Iterator[str]:
    if all(getattr(row, key) is None for key in CONDITIONS):
        yield f"{at}: never acts: give at least one of {', '.join(CONDITIONS)}"
    if (row.disagrees_with is None) != (row.by is None):
        yield f"{at}.by: disagrees_with and by go together"
    unit = _unit_of(subject, row.signal)
    yield from _comparison_faults(subject, at, row)
    for key in ("above", "below"):
        value = getattr(row, key)
        if unit is None or not isinstance(value, str):
            continue
        try:
            to_unit(value, unit)
        except ValueError as error:
            yield f"{at}.{key}: {error}"


def _comparison_faults(subject: Subject, at: str, row: InterlockSettings) -> Iterator[str]:
    """What a row compares can be compared."""
    spec, other = _spec_of(subject, row.signal), row.disagrees_with
    unit = spec.unit if spec is not None else None
    if spec is not None and spec.kind not in (int, float):
        compared = [key for key in CONDITIONS if key != "stale_s" and getattr(row, key) is not None]
        for key in compared:
            yield f"{at}.{key}: {row.signal} is no number ({spec.kind.__name__})"
    elif unit is not None and _is_always(row, unit):
        yield f"{at}.below: every value is above {row.above} or below {row.below}"
    yield from _deficit_faults(subject, at, row, spec)
    if other is not None and other == row.signal:
        yield f"{at}.disagrees_with: is the signal itself, {other!r}"
    theirs = _unit_of(subject, other) if other is not None else None
    if unit is not None and theirs is not None and theirs != unit:
        yield f"{at}.disagrees_with: {other} is in {theirs or 'no unit'}, {row.signal} in {unit}"


def _deficit_faults(
    subject: Subject, at: str, row: InterlockSettings, spec: SignalSpec | None
) -> Iterator[str]:
    """A deficit compares a flow with what somebody is commanded."""
    if row.flow_deficit is None:
        if row.flow_of:
            yield f"{at}.flow_of: needs flow_deficit beside it"
        return
    if not row.signal.endswith(".flow"):
        yield f"{at}.flow_deficit: needs a flow as its signal, got {row.signal!r}"
    elif spec is not None and not spec.writable and not row.flow_of:
        yield (
            f"{at}.flow_of: {row.signal} only measures;"
            ' name whose flow it is, such as flow_of = ["pump-a.flow"]'
        )
    for j, signal in enumerate(row.flow_of):
        theirs = _spec_of(subject, signal)
        if theirs is not None and not (theirs.writable and theirs.unit == "mL/min"):
            yield f"{at}.flow_of.{j}: {signal} is no flow that is commanded"


def _is_always(row: InterlockSettings, unit: str) -> bool:
    if row.above is None or row.below is None:
        return False
    try:
        return to_unit(row.above, unit) < to_unit(row.below, unit)
    except ValueError:
        return False  # said where the number stands


def _signal_fault(subject: Subject, at: str, signal: str) -> Iterator[str]:
    instrument, _, name = signal.partition(".")
    if instrument not in subject.instruments:
        known = nearest(instrument, subject.instruments)
        yield f"{at}: no instrument {instrument!r} for signal {signal!r}{known}"
    else:
        specs = subject.signals_of(instrument)
        if specs is not None and name not in specs:
            yield f"{at}: {instrument} has no signal {name!r}{nearest(name, specs)}"


def _unit_of(subject: Subject, signal: str) -> str | None:
    spec = _spec_of(subject, signal)
    return spec.unit if spec is not None else None


def _spec_of(subject: Subject, signal: str) -> SignalSpec | None:
    instrument, _, name = signal.partition(".")
    specs = subject.signals_of(instrument)
    return specs.get(name) if specs is not None else None
