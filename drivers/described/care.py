"""What every described instrument does: prepare, check, feed its watchdog, go to its safe state."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast

from drivers.again import until_answered
from drivers.described.model import AlarmPart, Description
from drivers.errors import (
    CommandRejected,
    DeviceFault,
    GarbledReply,
    InstrumentError,
    NoReply,
    ReadbackMismatch,
)
from drivers.options import DriverOptions
from drivers.signal import Lane, Limits, Reading, Value
from drivers.table import BoundSignal

ATTEMPTS = 3  # of what does no harm twice
FEEDS = 3  # times in a watchdog's period


class Forced(Protocol):
    """A signal that can be written against the limits, for a safe state."""

    async def force(self, value: Value, lane: Lane) -> Reading:
        """Write once, and confirm."""
        ...


class Care:
    """The life of a described instrument; the bases give ``part``, ``gathered`` and ``run``."""

    description: ClassVar[Description]
    name: str

    if TYPE_CHECKING:

        def part(self, name: str) -> BoundSignal:
            """Return a field by name, hidden ones too."""
            ...

        async def gathered(
            self, names: Iterable[str], lane: Lane, *, strict: bool = False
        ) -> dict[str, Reading]:
            """Read fields by name in as few exchanges as possible."""
            ...

        async def run(self, name: str, lane: Lane) -> None:
            """Do an exchange by name."""
            ...

    def take_options(self, options: DriverOptions, limits: Mapping[str, Limits]) -> None:
        """Keep what the life of the instrument depends on."""
        watchdog = self.description.watchdog
        self._watchdog_s: int = getattr(options, "watchdog_s", watchdog.default if watchdog else 0)
        self._configured = limits
        self._fed_at = float("-inf")

    def has(self, name: str) -> bool:
        """Return whether there is a field of this name."""
        return name in self.description.fields

    def pending_alarm(self) -> str:
        """Return the alarm that came unasked, if one did."""
        return ""

    def forget_alarm(self) -> None:
        """Forget the alarm that came unasked."""

    # --- prepare

    async def prepare(self) -> None:
        """Do the file's preparations, look at what is expected, arm the watchdog."""
        self.forget_alarm()
        for item in self.description.prepare:
            if isinstance(item, str):
                await self.run(item, Lane.COMMAND)
                continue
            for name, value in item.items():
                await self._assign(name, value)
        await self._expect()
        if self.description.watchdog is not None:
            await self._arm(self.description.watchdog.field, Lane.COMMAND)

    async def _assign(self, name: str, value: Value) -> None:
        """Set a field; ``limits.SIGNAL.high`` stands for what is configured, if anything is."""
        if isinstance(value, str) and value.startswith("limits."):
            _, signal, which = value.split(".")
            if signal not in self._configured:
                return
            value = float(getattr(self._configured[signal], which))
        await self.part(name).set(value)

    async def _expect(self) -> None:
        """Raise DeviceFault unless the instrument is set as the description needs it."""
        wanted = {
            name: part.expect
            for name, part in self.description.fields.items()
            if part.expect is not None
        }
        for name, reading in (await self.gathered(wanted, Lane.COMMAND, strict=True)).items():
            if reading.value != wanted[name]:
                says = self.description.fields[name].doc
                raise DeviceFault(
                    self.name,
                    f"{name.strip('_')} is {reading.value!r}, expected {wanted[name]!r}"
                    + (f" ({says})" if says else " (change it there, or the option here)"),
                )

    # --- watchdog

    async def _arm(self, field: str, lane: Lane) -> None:
        """Write the watchdog's time; one that is off and cannot be asked is left alone."""
        if not self._watchdog_s and not self._can_ask(field):
            return
        self._fed_at = asyncio.get_running_loop().time()
        signal = cast("Forced", self.part(field))
        await signal.force(self._watchdog_s, lane)

    async def feed(self) -> None:
        """Write the watchdog again where nothing else feeds it and its time is near."""
        watchdog = self.description.watchdog
        if watchdog is None or watchdog.feed == "any" or not self._watchdog_s:
            return
        now = asyncio.get_running_loop().time()
        if now - self._fed_at >= self._watchdog_s / FEEDS:
            await self._arm(watchdog.field, Lane.POLL)

    # --- check

    async def check(self) -> None:
        """Raise DeviceFault while there is an alarm; without any, see that it answers."""
        if alarm := self.pending_alarm():
            raise DeviceFault(self.name, f"said unasked: {alarm}")
        alarms = [alarm for alarm in self.description.alarms if alarm.is_ == "fault"]
        names = dict.fromkeys(alarm.field for alarm in alarms)
        readings = await self.gathered(names or self._any(), Lane.POLL, strict=True)
        self._look_for(alarms, readings)

    def _any(self) -> list[str]:
        """Return a field that can be asked for."""
        readable = [name for name in self.description.fields if self._can_ask(name)]
        return readable[:1]

    def _can_ask(self, name: str) -> bool:
        return bool(getattr(self.part(name), "readable", True))

    async def refusal(self, what: str) -> None:
        """Raise what the instrument says of a write that has not come about, if it does."""
        names = dict.fromkeys(alarm.field for alarm in self.description.alarms)
        if names:
            readings = await self.gathered(names, Lane.COMMAND)
            self._look_for(self.description.alarms, readings, f" ({what})")

    def _look_for(
        self, alarms: Iterable[AlarmPart], readings: Mapping[str, Reading], because: str = ""
    ) -> None:
        for alarm in alarms:
            value = readings[alarm.field].value
            if value is None or not holds(alarm, value):
                continue
            what = f"{alarm.says or alarm.field.strip('_')}: {value!r}{because}"
            raise (DeviceFault if alarm.is_ == "fault" else CommandRejected)(self.name, what)

    # --- safe state

    async def make_safe(self) -> None:
        """Do all of the safe state on the trip lane; raise the first fault when all is tried."""
        await self.safe(Lane.TRIP)

    async def safe(self, lane: Lane) -> None:
        """Do all of the safe state; one step that fails does not keep the others."""
        fault: InstrumentError | None = None
        for item in self.description.safe:
            steps: list[tuple[str, Any]] = (
                [(item, None)] if isinstance(item, str) else [*item.items()]
            )
            for name, value in steps:
                try:
                    await self._step(name, value, lane)
                except InstrumentError as error:
                    fault = fault or error
        if fault is not None:
            raise fault

    async def _step(self, name: str, value: Value | None, lane: Lane) -> None:
        if value is not None:
            await self.assure(name, value, lane)
            return
        await until_answered(lambda: self.run(name, lane), ATTEMPTS)

    async def assure(self, name: str, value: Value, lane: Lane) -> None:
        """Write what does no harm twice until it is confirmed, whatever the limits say."""
        signal = cast("Forced", self.part(name))
        for attempt in range(ATTEMPTS):
            try:
                await signal.force(value, lane)
            except (NoReply, GarbledReply, ReadbackMismatch):
                if attempt == ATTEMPTS - 1:
                    raise
            else:
                return


def holds(alarm: AlarmPart, value: Value) -> bool:
    """Return whether a value is the alarm."""
    if alarm.like is not None:
        return re.fullmatch(alarm.like, str(value)) is not None
    if alarm.equals is not None:
        return value == alarm.equals
    if isinstance(value, str):
        return False
    above = alarm.above is not None and value > alarm.above
    return above or (alarm.below is not None and value < alarm.below)
