"""Logs: JSON lines in the data directory, readable lines on standard error.

A log line is an event with facts: ``log.warning("poll.failed", signal=…, error=…)``; names are
``noun.verb``. Times are the loop's, as UTC, so that a log in virtual time agrees with its store.
What libraries log through ``logging`` goes the same way. A log that cannot be written never harms
the run: the lines are counted, and standard error says it once.
"""

import asyncio
import json
import logging
import os
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, TextIO

import structlog

from daemon.journal import ToJournal, is_journal
from daemon.timebase import Timebase

FILE_NAME = "log.jsonl"
MAX_BYTES = 20 << 20  # of one file; two older ones are kept
LIBRARIES = ("asyncio", "pymodbus", "mqtt", "taylord.mqtt.client")  # theirs from warnings upwards

Line = MutableMapping[str, Any]

_STEPS: list[Any] = []  # of every line; always this list: loggers keep what they first used


def configure(
    directory: Path | str | None = None,
    *,
    timebase: Timebase | None = None,
    level: int = logging.INFO,
    console: TextIO | None = None,
    console_level: int | None = None,
) -> None:
    """Send log lines to ``directory/log.jsonl`` and to ``console`` (default: standard error).

    Call it again to change any of it; the lines of before stay where they are. Without a directory
    there is only the console; a directory that cannot be written is told there.
    """
    shared = _shared(timebase)
    handlers: list[logging.Handler] = [_console(shared, console, console_level or level)]
    if directory is not None:
        try:
            handlers.append(_file(shared, Path(directory), level))
        except OSError as error:
            print(f"{directory}: no log is kept: {error.strerror}", file=sys.stderr)  # noqa: T201 (there is no log to tell)
    _swap(handlers, level)
    _STEPS[:] = [
        structlog.stdlib.filter_by_level,
        *shared,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ]
    structlog.configure(
        processors=_STEPS,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def close() -> None:
    """Close the log file; lines go nowhere from then on."""
    _swap([logging.NullHandler()], logging.WARNING)


def _swap(handlers: list[logging.Handler], level: int) -> None:
    root = logging.getLogger()
    for old in list(root.handlers):
        if isinstance(old, _Ours | logging.NullHandler):
            root.removeHandler(old)
            old.close()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def _shared(timebase: Timebase | None) -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        _Stamp(timebase),
    ]


class _Stamp:
    """Adds ``time``: the loop's as UTC; the system's where no loop runs."""

    def __init__(self, timebase: Timebase | None) -> None:
        self._timebase = timebase
        self._system = structlog.processors.TimeStamper(fmt="iso", utc=True, key="time")

    def __call__(self, logger: Any, name: str, line: Line) -> Line:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._system(logger, name, line)
        if self._timebase is None:
            return self._system(logger, name, line)
        line["time"] = self._timebase.iso()
        return line


class _Ours(logging.Handler):
    """What marks our handlers among those of others (a test's, for one)."""

    lost = 0

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        """Count a line that could not be written; say so once."""
        self.lost += 1
        if self.lost == 1:
            error = sys.exc_info()[1]
            with suppress(OSError, ValueError):  # it may be the console that cannot be written
                print(f"log.lost: {error} ({record.getMessage()[:80]})", file=sys.stderr)  # noqa: T201 (the log is what failed)


class _File(_Ours, RotatingFileHandler):
    """The log file; one that was removed or moved away is begun anew."""

    opened: tuple[int, int] | None = None  # which file

    def _open(self) -> Any:
        stream = super()._open()
        self.opened = _file_at(self.baseFilename)
        return stream

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line where readers look for it."""
        if _file_at(self.baseFilename) != self.opened:
            stream: TextIO | None = self.stream  # none after a failure
            if stream is not None:
                stream.close()
            self.stream = None  # pyright: ignore[reportAttributeAccessIssue] -- opened anew below
        super().emit(record)


def _file_at(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 (once a line)
    except OSError:
        return None
    return found.st_dev, found.st_ino


class _Console(_Ours, logging.StreamHandler[TextIO]):
    pass


def _file(shared: list[Any], directory: Path, level: int) -> logging.Handler:
    directory.mkdir(parents=True, exist_ok=True)
    handler = _File(directory / FILE_NAME, maxBytes=MAX_BYTES, backupCount=2, encoding="utf-8")
    handler.setLevel(level)
    last = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(serializer=_json),
    ]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last)
    )
    return handler


def _json(line: Line, **options: Any) -> str:
    first = {key: line.pop(key) for key in ("time", "level", "event") if key in line}
    return json.dumps({**first, **line}, **options)


def _console(shared: list[Any], stream: TextIO | None, level: int) -> logging.Handler:
    out = stream or sys.stderr
    handler = _Console(out)
    handler.setLevel(level)
    render: Any = structlog.dev.ConsoleRenderer(
        colors=out.isatty(),
        timestamp_key="time",
        exception_formatter=structlog.dev.plain_traceback,
    )
    last = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        ToJournal(render) if is_journal(out, os.environ) else render,
    ]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last)
    )
    return handler
