"""What ``taylord safe`` goes by: the file as it is now, and as the daemon that died had it.

A file that was edited under a daemon's hands may be broken when the daemon dies, or name other
ports: what the daemon has left acting is on those of the record.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daemon import DATA_ROOT
from daemon.errors import ConfigError, StoreFailed
from daemon.settings.load import salvage, salvaged
from daemon.settings.models import InstrumentSettings, Settings
from daemon.store.reader import Reader

INSTEAD = "{0}: going by what the last start had, from its record"
ALSO = "{0}: {1} is not there as the last start had it, which died: made safe there, too"


@dataclass(frozen=True, slots=True)
class ToMakeSafe:
    """Every instrument that may act; what is wrong with the file; what else is to be said."""

    settings: Settings
    faults: Sequence[str] = ()
    notes: Sequence[str] = ()


def to_make_safe(config: Path, data: Path | None) -> ToMakeSafe:
    """Return what a file has, and what a daemon that died had elsewhere, by its record.

    ``data`` is the data directory, by default where ``taylord run`` puts it, which the name of the
    rig tells. Raises ConfigError when neither the file nor a record can be read.
    """
    try:
        settings, faults = salvage(config)
    except ConfigError as error:
        last = None if data is None else _last_known(config, data)
        if last is None:
            raise
        return ToMakeSafe(last, error.faults, [INSTEAD.format(config)])
    last = _last_known(config, data or Path(DATA_ROOT) / settings.name, died=True)
    missing = {} if last is None else dict(_missing(settings, last))
    both = {**settings.instruments, **missing}
    notes = [ALSO.format(config, name) for name in missing]
    return ToMakeSafe(settings.model_copy(update={"instruments": both}), faults, notes)


def left_elsewhere(data: Path, config_text: str) -> list[str]:
    """Return the instruments of a daemon that died, with their ports, that a file has no more.

    What is still there is made safe when it is found.
    """
    try:
        with Reader(data) as reader:
            last = (reader.meta().get("config") or "") if reader.last_died() else ""
        was, now = (instruments_of(tomllib.loads(text)) for text in (last, config_text))
    except (ConfigError, StoreFailed, tomllib.TOMLDecodeError):
        return []
    there = [_wire(own) for own in now.values()]
    return [f"{n} ({own.get('port')})" for n, own in was.items() if _wire(own) not in there]


def instruments_of(raw: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the sections of the instruments of a file as they stand in it."""
    table = raw.get("instruments")
    rows = table.items() if isinstance(table, dict) else ()
    return {name: own for name, own in rows if isinstance(own, dict)}


def _wire(own: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(own.get(key) for key in ("port", "address", "channel", "side"))


def _last_known(config: Path, data: Path, *, died: bool = False) -> Settings | None:
    """Return the settings of the last start; None when there is none, or none that ``died``."""
    try:
        with Reader(data) as reader:
            text = reader.meta().get("config") or ""
            known = text and (reader.last_died() or not died)
        return salvaged(config, tomllib.loads(text))[0] if known else None
    except (ConfigError, StoreFailed, tomllib.TOMLDecodeError):
        return None  # a record that cannot be read must not keep the others from safety


def _missing(now: Settings, last: Settings) -> Iterator[tuple[str, InstrumentSettings]]:
    """Yield the instruments of the record that the file does not have, or has elsewhere."""
    there = [_place(own) for own in now.instruments.values()]
    for name, own in last.instruments.items():
        if _place(own) not in there:
            yield (f"{name}-before" if name in now.instruments else name), own


def _place(own: InstrumentSettings) -> tuple[str, str, dict[str, Any]]:
    return own.driver, own.port, own.options
