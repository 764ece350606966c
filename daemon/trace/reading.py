"""Reading a trace file: checked line by line, and a torn last line is the end of what is known."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from daemon.errors import ConfigError
from daemon.trace.form import (
    CALL,
    DONE,
    END,
    FORM,
    HEAD,
    INSTRUMENT,
    LINE,
    LINKS,
    RECEIVED,
    SENT,
    Record,
)

MAX_BYTES = 2 << 30
NEEDED: dict[str, dict[str, type | tuple[type, ...]]] = {
    LINE: {"line": int, "port": str, "settings": dict},
    INSTRUMENT: {"name": str, "driver": str, "line": int, "options": dict, "limits": dict},
    CALL: {"n": int, "of": str, "do": str, "with": list},
    DONE: {"n": int},
    SENT: {"line": int, "hex": str},
    RECEIVED: {"line": int, "hex": str},
    END: {"why": str},
    **{kind: {"line": int} for kind in LINKS},
}


@dataclass(slots=True)
class Trace:
    """A trace file, read."""

    path: Path
    head: Record
    ports: dict[int, str] = field(default_factory=dict[int, str])  # by line
    instruments: list[Record] = field(default_factory=list[Record])
    events: list[Record] = field(default_factory=list[Record])  # all that has a time, in order
    ended: str = ""  # why; empty when the file just stops (a kill, a power cut)

    @property
    def duration_s(self) -> float:
        """Return the time from the beginning to the last event."""
        return float(self.events[-1]["t"]) if self.events else 0.0


def read_trace(path: Path) -> Trace:
    """Return a trace; raise ConfigError that names the line for what is none."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError([f"{path}: is larger than {MAX_BYTES} bytes"])
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from None
    head = _parsed(path, 1, lines[0])
    if head is None or head.get("k") != HEAD:
        raise ConfigError([f"{path}: line 1: is no trace of taylord (its head is missing)"])
    if head.get("version") != FORM:
        raise ConfigError(
            [f"{path}: is of form {head.get('version')!r}, this taylord reads form {FORM}"]
        )
    trace = Trace(path, head)
    for number, line in enumerate(lines[1:], start=2):
        last = number == len(lines)
        record = _parsed(path, number, line) if line else None
        if record is None:
            if line and not last:
                raise ConfigError([f"{path}: line {number}: is not JSON"])
            continue
        _take(path, number, record, trace)
    return trace


def _parsed(path: Path, number: int, line: bytes) -> Record | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        raise ConfigError([f"{path}: line {number}: is no object"])
    return cast("Record", value)


def _take(path: Path, number: int, record: Record, trace: Trace) -> None:
    kind = record.get("k")
    needed = NEEDED.get(str(kind))
    if needed is None:
        raise ConfigError([f"{path}: line {number}: unknown kind {kind!r}"])
    wanted: dict[str, Any] = {"t": (int, float), **needed}
    for key, type_ in wanted.items():
        if not isinstance(record.get(key), type_) or isinstance(record.get(key), bool):
            raise ConfigError([f"{path}: line {number}: {kind}: {key} is missing or wrong"])
    if "hex" in needed:
        _check_hex(path, number, record["hex"])
    if kind == LINE:
        trace.ports[record["line"]] = record["port"]
    elif record.get("line", next(iter(trace.ports), 0)) not in trace.ports:
        raise ConfigError([f"{path}: line {number}: {kind}: no line {record.get('line')!r}"])
    elif kind == INSTRUMENT:
        trace.instruments.append(record)
    elif kind == END:
        trace.ended = record["why"]
    else:
        trace.events.append(record)


def _check_hex(path: Path, number: int, text: str) -> None:
    try:
        bytes.fromhex(text)
    except ValueError:
        raise ConfigError([f"{path}: line {number}: hex is not hexadecimal"]) from None
