"""Recording a run: lines that are traced, and drivers whose calls are noted.

A :class:`Recording` stands around ``drivers.registry.Lines`` wherever the rig, a check or a console
needs lines. Nothing is changed on the way: the same bytes, the same results, the same faults.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, partial
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

from daemon import __version__
from daemon.rig.parts import LinesPort
from daemon.timebase import Timebase, is_virtual
from daemon.trace.file import LIMIT_BYTES, TraceFile
from daemon.trace.form import (
    CALL,
    DONE,
    FORM,
    HEAD,
    INSTRUMENT,
    LINE,
    RECEIVED,
    SENT,
    outcome,
    plain,
)
from drivers import roles
from drivers.bus import Bus
from drivers.errors import InstrumentError
from drivers.registry import Lines
from drivers.roles import Instrument
from drivers.signal import Limits
from drivers.transport.base import Dial, LineSpec
from drivers.transport.trace import Happening, traced

OF_A_SIGNAL = ("read", "set")

_inside: ContextVar[bool] = ContextVar("inside a recorded call", default=False)


@cache
def role_calls() -> tuple[str, ...]:
    """Return what the daemon asks of drivers by their roles, beside reading and setting signals."""
    found = (
        name
        for role in vars(roles).values()
        if isinstance(role, type) and getattr(role, "_is_protocol", False)
        for name, method in vars(role).items()
        if iscoroutinefunction(method)
    )
    return tuple(dict.fromkeys(found))


class Recording:
    """Writes one trace file; make the lines with :meth:`lines` and close it after them."""

    def __init__(self, path: Path, rig: str, limit_bytes: int = LIMIT_BYTES) -> None:
        """Begin the file; needs a running loop. Raises ConfigError when it cannot be written."""
        timebase = Timebase.virtual() if is_virtual() else Timebase.real()
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._numbers: dict[str, int] = {}  # of lines, by port
        self._calls = 0
        head = {"k": HEAD, "version": FORM, "taylord": __version__, "rig": rig}
        head |= {"began": timebase.iso(), "virtual": is_virtual()}
        self.file = TraceFile(path, head, limit_bytes)

    def lines(self, make: Callable[[Dial], Lines], dial: Dial) -> "RecordedLines":
        """Return lines made with a traced ``dial``."""
        return RecordedLines(make(traced(dial, self._happened)), self)

    def close(self) -> None:
        """End the file."""
        self.file.close(self._now())

    def add_instrument(
        self,
        name: str,
        driver: str,
        port: str,
        options: Mapping[str, Any],
        limits: Mapping[str, Limits],
        line: LineSpec,
    ) -> None:
        """Note an instrument and, with its first one, the line."""
        if port not in self._numbers:
            self._numbers[port] = len(self._numbers)
            settings = {
                key: getattr(line, key)
                for key in LineSpec.__dataclass_fields__
                if key not in {"codec", "medium"}
            }
            self._note(LINE, line=self._numbers[port], port=port, settings=settings)
        bounds = {signal: [limit.low, limit.high] for signal, limit in limits.items()}
        self._note(
            INSTRUMENT,
            name=name,
            driver=driver,
            line=self._numbers[port],
            options=dict(options),
            limits=bounds,
        )

    def listen(self, instrument: Instrument) -> None:
        """Note every call of this instrument and its signals from now on."""
        for name in role_calls():
            if (own := getattr(instrument, name, None)) is not None:
                setattr(instrument, name, partial(self._call, instrument.name, name, (), own))
        for short, signal in instrument.signals.items():
            for name in OF_A_SIGNAL:
                own = getattr(signal, name)
                call = partial(self._call, instrument.name, name, (short,), own)
                setattr(signal, name, call)

    async def call(
        self,
        of: str,
        do: str,
        noted: Sequence[object],
        own: Callable[..., Awaitable[object]],
        *arguments: object,
    ) -> object:
        """Make a call that is none of the driver's roles, noted with these arguments."""

        async def made(*_noted: object) -> object:
            return await own(*arguments)

        return await self._call(of, do, (), made, *noted)

    async def _call(
        self,
        of: str,
        do: str,
        first: tuple[str, ...],
        own: Callable[..., Awaitable[object]],
        /,
        *arguments: object,
        **named: object,
    ) -> object:
        """Make a call and note it; what a driver calls of itself is part of that call."""
        if _inside.get():
            return await own(*arguments, **named)
        self._calls += 1
        number = self._calls
        given: dict[str, Any] = {"with": [plain(a) for a in (*first, *arguments)]}
        if named:
            given["named"] = {key: plain(a) for key, a in named.items()}
        self._note(CALL, n=number, of=of, do=do, **given)
        token = _inside.set(True)
        try:
            result = await own(*arguments, **named)
        except InstrumentError as error:
            self._note(DONE, n=number, fault=type(error).__name__, says=error.what)
            raise
        except BaseException as error:
            how = "cancelled" if isinstance(error, asyncio.CancelledError) else "broken"
            self._note(DONE, n=number, **{how: repr(error) if how == "broken" else True})
            raise
        finally:
            _inside.reset(token)
        self._note(DONE, n=number, gives=outcome(result))
        return result

    def _happened(self, port: str, what: Happening, data: bytes) -> None:
        line = self._numbers[port]
        if what in {SENT, RECEIVED}:
            self._note(what, line=line, hex=data.hex())
        else:
            self._note(what, line=line, why=data.decode("utf-8", "replace"))

    def _note(self, kind: str, **facts: Any) -> None:
        self.file.write({"k": kind, "t": self._now(), **facts})

    def _now(self) -> float:
        return round(self._loop.time() - self._began, 6)


class RecordedLines:
    """Lines whose instruments are noted; fits ``daemon.rig.parts.LinesPort``."""

    def __init__(self, lines: Lines, recording: Recording) -> None:
        self._lines, self._recording = lines, recording

    def instrument(
        self,
        name: str,
        driver: str,
        port: str,
        options: Mapping[str, Any],
        limits: Mapping[str, Limits],
    ) -> Instrument:
        """Return a new instrument on the line at ``port``; nothing is opened or sent."""
        instrument = self._lines.instrument(name, driver, port, options, limits)
        link = self._lines.link(name)
        if isinstance(link, Bus):  # an MQTT instrument has no line of bytes
            self._recording.add_instrument(name, driver, port, options, limits, link.line)
            self._recording.listen(instrument)
        return instrument

    def link(self, instrument: str) -> Any:
        """Return the bus or MQTT link of an instrument."""
        return self._lines.link(instrument)

    async def open(self, instrument: str) -> None:
        """Open the line of an instrument if it is not open; raise LinkLost when that fails."""
        await self._lines.open(instrument)

    async def close(self) -> None:
        """Close all lines."""
        await self._lines.close()


@contextmanager
def recording_to(path: Path | None, rig: str) -> Generator[Recording | None]:
    """Give a recording, ended after everything else; None when there is no path."""
    if path is None:
        yield None
        return
    recording = Recording(path, rig)
    try:
        yield recording
    finally:
        recording.close()


def recorded(recording: Recording | None, make: Callable[[Dial], Lines], dial: Dial) -> LinesPort:
    """Return the lines that ``make`` makes of ``dial``, recorded when there is a recording."""
    return make(dial) if recording is None else recording.lines(make, dial)
