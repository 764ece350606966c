"""A driver as a table: rows declared in the class become signals bound to each instrument.

Every kind of driver (ASCII, Modbus, MQTT) declares rows of its own kind; what they have in common
is here: collecting the rows, narrowing the limits by the configuration, and the one way to set a
value: check it, write it once, read it back, compare.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from math import inf, isfinite
from types import MappingProxyType
from typing import Any, ClassVar, Self, overload

from drivers.errors import CommandRejected, GarbledReply, OutOfRange, ReadbackMismatch
from drivers.options import DriverOptions
from drivers.signal import Lane, Limits, Quality, Reading, SignalSpec, Value

Kind = type[float] | type[int] | type[bool] | type[str]


class BadValue(Exception):
    """The instrument answered that it has no value (broken sensor, NaN); ``reason`` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class BoundSignal(ABC):
    """A signal of one instrument; subclasses fetch and store the value in its unit."""

    tolerance: float = 0.0  # allowed difference between written and read-back value

    def __init__(self, instrument: str, spec: SignalSpec) -> None:
        self.instrument, self.spec = instrument, spec
        self.full_name = f"{instrument}.{spec.name}"

    @property
    def high(self) -> float:
        """Return the upper limit, infinite when there is none."""
        return self.spec.limits.high if self.spec.limits else inf

    @abstractmethod
    def fetch(self, lane: Lane) -> Coroutine[Any, Any, Value]:
        """Ask the instrument; raise BadValue when it says it has no value."""

    @abstractmethod
    def store(self, value: Value, lane: Lane) -> Coroutine[Any, Any, Value]:
        """Write once; return the value as the wire carried it (rounded to its digits)."""

    async def read(self, lane: Lane = Lane.POLL) -> Reading:
        """Ask the instrument once (queries may be retried); raise InstrumentError on failure."""
        try:
            return self.reading(await self.fetch(lane))
        except BadValue as bad:
            return self.bad(bad.reason)

    async def polled(self, replies: dict[str, str]) -> Reading:  # noqa: ARG002 - a hook
        """Read it as one of a poll; a fault of this signal alone is a bad reading.

        ``replies`` are the texts of the queries that this poll has asked already.
        """
        try:  # what read() does, one coroutine less
            return self.reading(await self.fetch(Lane.POLL))
        except BadValue as bad:
            return self.bad(bad.reason)
        except (CommandRejected, GarbledReply):
            return self.bad("fault")

    async def set(self, value: Value, lane: Lane = Lane.COMMAND) -> Reading:
        """Check the limits, write once (never retried), read back; return the read-back.

        Raises OutOfRange before anything is sent; ReadbackMismatch when the instrument holds
        another value afterwards.
        """
        sent = await self.store(self.checked(value), lane)
        reading = await self.read(lane)
        self.confirm(sent, reading)
        return reading

    def reading(self, value: Value) -> Reading:
        """Return a reading of now; a float that is no number is a bad one."""
        if isinstance(value, float) and not isfinite(value):
            return self.bad("nan")
        now = asyncio.get_running_loop().time()
        return Reading(self.full_name, value, self.spec.unit, now)

    def bad(self, reason: str) -> Reading:
        """Return a reading without a value."""
        now = asyncio.get_running_loop().time()
        return Reading(self.full_name, None, self.spec.unit, now, Quality.BAD, reason)

    def checked(self, value: Value) -> Value:
        """Return the value in the signal's type, or raise OutOfRange."""
        return checked(self.instrument, self.spec, value)

    def confirm(self, sent: Value, reading: Reading) -> None:
        """Raise ReadbackMismatch unless the reading is what was sent."""
        got = reading.value
        if isinstance(sent, float) and isinstance(got, int | float):
            same = abs(got - sent) <= self.tolerance + 1e-6 * max(1.0, abs(sent))
        else:
            same = got == sent
        if not same:
            found = f"no value ({reading.reason})" if got is None else f"{got!r}"
            raise ReadbackMismatch(
                self.instrument,
                f"{self.spec.name} was set to {sent!r} {self.spec.unit}, reads back {found}",
            )


def checked(instrument: str, spec: SignalSpec, value: object) -> Value:
    """Return ``value`` in the type of the signal; raise OutOfRange when it cannot be set."""
    if not spec.writable:
        raise OutOfRange(instrument, f"{spec.name} cannot be set")
    if spec.kind is bool:
        if isinstance(value, bool) or value in (0, 1):
            return bool(value)
        raise OutOfRange(instrument, f"{spec.name} must be true or false, got {value!r}")
    if spec.kind is str:
        if isinstance(value, str) and (not spec.choices or value in spec.choices):
            return value
        allowed = f"one of {', '.join(spec.choices)}" if spec.choices else "a text"
        raise OutOfRange(instrument, f"{spec.name} must be {allowed}, got {value!r}")
    return _checked_number(instrument, spec, value)


def _checked_number(instrument: str, spec: SignalSpec, value: object) -> float | int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise OutOfRange(instrument, f"{spec.name} must be a finite number, got {value!r}")
    if spec.limits is not None and value not in spec.limits:
        raise OutOfRange(
            instrument,
            f"{spec.name} {value:g} {spec.unit} is refused, limits are {spec.limits} {spec.unit}",
        )
    if spec.kind is float:
        return float(value)
    if value != int(value):
        raise OutOfRange(instrument, f"{spec.name} must be a whole number, got {value!r}")
    return int(value)


class Row(ABC):
    """One row of the table; as a class attribute of a driver it becomes its signal."""

    def __init__(
        self,
        kind: Kind,
        unit: str = "",
        *,
        writable: bool = False,
        limits: tuple[float, float] | None = None,
        poll_s: float | None = 1.0,
        choices: tuple[str, ...] = (),
        doc: str = "",
    ) -> None:
        self.name = ""
        self._spec = SignalSpec(
            "", kind, unit, writable, Limits(*limits) if limits else None, poll_s, doc, choices
        )

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: "TableInstrument", owner: type) -> BoundSignal: ...
    def __get__(self, instance: "TableInstrument | None", owner: type) -> "Self | BoundSignal":
        return self if instance is None else instance.bound[self.name]

    @property
    def limits(self) -> Limits | None:
        """Return the limits that hold for every instrument of the family."""
        return self._spec.limits

    def spec(self, limits: Limits | None) -> SignalSpec:
        """Return what the signal is, with these limits."""
        return replace(self._spec, name=self.name, limits=limits)

    @abstractmethod
    def bind(self, instrument: Any, spec: SignalSpec) -> BoundSignal:
        """Return the signal of this instrument."""


class MethodSignal(Row):
    """A signal that two methods of the driver read and write.

    ``read`` names a method ``async (lane) -> value``; ``write`` one that is
    ``async (value, lane) -> value as the wire carried it``.
    """

    def __init__(
        self, kind: Kind, unit: str = "", *, read: str, write: str | None = None, **more: Any
    ) -> None:
        super().__init__(kind, unit, writable=write is not None, **more)
        self._read, self._write = read, write

    def bind(self, instrument: Any, spec: SignalSpec) -> BoundSignal:
        """Return the signal of this instrument."""
        write = getattr(instrument, self._write) if self._write else None
        return _MethodBound(instrument.name, spec, getattr(instrument, self._read), write)


class _MethodBound(BoundSignal):
    def __init__(
        self,
        instrument: str,
        spec: SignalSpec,
        read: Callable[[Lane], Coroutine[Any, Any, Value]],
        write: Any,
    ) -> None:
        super().__init__(instrument, spec)
        self._read, self._write = read, write

    def fetch(self, lane: Lane) -> Coroutine[Any, Any, Value]:
        return self._read(lane)

    def store(self, value: Value, lane: Lane) -> Coroutine[Any, Any, Value]:
        return self._write(value, lane)


class TableInstrument:
    """An instrument made of rows; bases for each kind of line derive from it."""

    Options: ClassVar[type[DriverOptions]] = DriverOptions
    rows: ClassVar[Mapping[str, Row]] = MappingProxyType({})

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = {name: row for name, row in vars(cls).items() if isinstance(row, Row)}
        cls.rows = MappingProxyType({**cls.rows, **own})

    def __init__(
        self, name: str, limits: Mapping[str, Limits], options: DriverOptions | None = None
    ) -> None:
        self.name = name
        unknown = limits.keys() - self.rows.keys()
        if unknown:
            known = ", ".join(self.rows)
            raise ValueError(
                f"{name}: limits of unknown signal {min(unknown)!r}; known are {known}"
            )
        by = {} if options is None else self.limits_by(options)
        self.bound: Mapping[str, BoundSignal] = {
            row.name: row.bind(self, row.spec(self._narrowed(row, by, limits.get(row.name))))
            for row in self.rows.values()
        }

    def _narrowed(
        self, row: Row, by: Mapping[str, Limits], configured: Limits | None
    ) -> Limits | None:
        own = by.get(row.name, row.limits)
        if own is None:
            return configured
        try:
            return own.narrowed(configured)
        except ValueError:
            raise ValueError(
                f"{self.name}: limits of {row.name} {configured} lie outside the instrument's {own}"
            ) from None

    @classmethod
    def limits_by(cls, options: Any) -> Mapping[str, Limits]:  # noqa: ARG003 - a hook
        """Return the limits that these options give to signals, instead of their rows'."""
        return {}

    @classmethod
    def signal_specs(cls, options: DriverOptions) -> Mapping[str, SignalSpec]:
        """Return the table with these options, before any instrument is made."""
        by = cls.limits_by(options) if isinstance(options, cls.Options) else {}
        return {row.name: row.spec(by.get(row.name, row.limits)) for row in cls.rows.values()}

    @property
    def signals(self) -> Mapping[str, BoundSignal]:
        """Return the signals by short name, in table order."""
        return self.bound

    async def poll(self, names: Sequence[str]) -> Sequence[Reading]:
        """Read these signals one after the other; those that share a query are asked once.

        A refused or unintelligible answer is a bad reading of that signal; silence or a lost
        link is raised.
        """
        replies: dict[str, str] = {}
        readings: list[Reading] = []
        for name in names:  # a comprehension would be one more coroutine in every exchange
            readings.append(await self.bound[name].polled(replies))  # noqa: PERF401
        return readings

    async def prepare(self) -> None:
        """Set nothing: an instrument without limits or watchdog of its own needs none."""

    async def check(self) -> None:
        """Find no fault: an instrument without alarms has none to report."""
