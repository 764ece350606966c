"""Drivers by name, and the lines they speak on: one bus per port, shared by its instruments."""

from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast, runtime_checkable

from drivers.bus import Bus
from drivers.errors import LinkLost
from drivers.options import DriverOptions
from drivers.roles import Instrument
from drivers.signal import Limits
from drivers.transport.base import Dial, LineSpec

if TYPE_CHECKING:
    from drivers.mqtt import MqttLink

GROUP = "taylord.drivers"


class Driver(Protocol):
    """What a driver class offers beside being an instrument."""

    Options: ClassVar[type[DriverOptions]]
    line: ClassVar[LineSpec]

    def __call__(
        self, name: str, bus: Any, options: Any, limits: Mapping[str, Limits]
    ) -> Instrument:
        """Make the instrument; nothing is sent."""
        ...


@runtime_checkable
class Openable(Protocol):
    """A link that is opened and closed (a bus; an MQTT link may look after itself)."""

    async def open(self) -> None:
        """Connect; nothing happens when it is open. Raises OSError."""
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...


@cache
def _entry_points() -> Mapping[str, EntryPoint]:
    return {point.name: point for point in sorted(entry_points(group=GROUP), key=lambda p: p.name)}


def driver_names() -> tuple[str, ...]:
    """Return the names of all installed drivers, sorted."""
    return tuple(_entry_points())


def driver_class(name: str) -> Driver:
    """Return the driver of this name, or of a description file (``.toml``); raise ValueError."""
    if name.endswith(".toml"):
        from drivers.described.load import described

        return cast("Driver", described(Path(name)))
    try:
        return cast("Driver", _entry_points()[name].load())
    except KeyError:
        raise ValueError(f"no driver {name!r}; installed are {', '.join(driver_names())}") from None


def dial_real(port: str, line: LineSpec) -> Any:
    """Return the transport for a real port (CONTRACT 2); nothing is opened yet."""
    from drivers.transport import dial

    return dial(port, line)


class Lines:
    """Opens one bus per port and builds the instruments on them."""

    def __init__(
        self, dial: Dial = dial_real, dial_mqtt: "Callable[[str], MqttLink] | None" = None
    ) -> None:
        self._dial, self._dial_mqtt = dial, dial_mqtt
        self._links: dict[str, Any] = {}  # by port
        self._specs: dict[str, LineSpec] = {}  # by port
        self._ports: dict[str, str] = {}  # by instrument
        self._places: dict[tuple[str, object], str] = {}  # (port, address) -> instrument

    def instrument(
        self,
        name: str,
        driver: str,
        port: str,
        options: Mapping[str, Any],
        limits: Mapping[str, Limits],
    ) -> Instrument:
        """Return a new instrument on the line at ``port``; nothing is opened or sent.

        Raises ValueError (pydantic's ValidationError among them) when the options, the limits or
        the sharing of the line are wrong.
        """
        cls = driver_class(driver)
        checked = cls.Options.model_validate(dict(options))
        self._claim(name, port, checked.place)
        link = self._link(name, port, checked.line(cls.line))
        self._ports[name] = port
        return cls(name, link, checked, limits)

    def link(self, instrument: str) -> Any:
        """Return the bus or MQTT link of an instrument."""
        return self._links[self._ports[instrument]]

    async def open(self, instrument: str) -> None:
        """Open the line of an instrument if it is not open; raise LinkLost when that fails."""
        link = self.link(instrument)
        if isinstance(link, Openable):
            try:
                await link.open()
            except OSError as error:
                why = error.strerror or str(error)
                raise LinkLost(instrument, f"{self._ports[instrument]}: {why}") from error

    async def close(self) -> None:
        """Close all lines."""
        for link in self._links.values():
            if isinstance(link, Openable):
                await link.close()

    @property
    def buses(self) -> Mapping[str, Bus]:
        """Return the buses by port (their counters tell how busy the lines are)."""
        return {port: link for port, link in self._links.items() if isinstance(link, Bus)}

    def _claim(self, name: str, port: str, address: object) -> None:
        """Refuse two instruments at one place."""
        other = self._places.setdefault((port, address), name)
        if other != name:
            where = "" if address is None else f" at address {address}"
            raise ValueError(f"{name} and {other} are both on {port}{where}")

    def _link(self, name: str, port: str, line: LineSpec) -> Any:
        known = self._specs.setdefault(port, line)
        if known != line:
            raise ValueError(f"{name} cannot share {port}: other line settings than its neighbours")
        if port not in self._links:
            self._links[port] = self._new_link(name, port, line)
        return self._links[port]

    def _new_link(self, name: str, port: str, line: LineSpec) -> Any:
        if line.medium == "bytes":
            return Bus(port, line, self._dial)
        if self._dial_mqtt is None:
            raise ValueError(f"{name} needs an MQTT broker, and none is configured")
        return self._dial_mqtt(port)
