"""Cross-checks of interlocks and of the broker."""

from collections.abc import Iterator
from pathlib import Path

from daemon.settings.models import InterlockSettings
from daemon.settings.subject import Subject
from daemon.settings.wording import nearest
from daemon.units import to_unit

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
        yield from _condition_faults(subject, at, row)


def _condition_faults(subject: Subject, at: str, row: InterlockSettings) -> Iterator[str]:
    if all(getattr(row, key) is None for key in CONDITIONS):
        yield f"{at}: never acts: give at least one of {', '.join(CONDITIONS)}"
    if (row.disagrees_with is None) != (row.by is None):
        yield f"{at}.by: disagrees_with and by go together"
    unit = _unit_of(subject, row.signal)
    for key in ("above", "below"):
        value = getattr(row, key)
        if unit is None or not isinstance(value, str):
            continue
        try:
            to_unit(value, unit)
        except ValueError as error:
            yield f"{at}.{key}: {error}"


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
    instrument, _, name = signal.partition(".")
    specs = subject.signals_of(instrument)
    return specs[name].unit if specs is not None and name in specs else None
