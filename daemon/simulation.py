"""The rig of a configuration file, simulated: one coupled world behind all instruments' wires.

The settings say what is plumbed to what: feeds name their pumps, the reactor its thermostat, the
analysis its analyser; every other instrument senses the line. Each port becomes a line with its
instruments on it, which :meth:`Simulation.dial` hands out as memory pipes, and
``daemon.simulate_host`` serves on terminals and sockets. Faults of the plant happen in the world,
faults of the wire on the line.
"""

import asyncio
import random
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Final, cast, get_args
from zlib import crc32

from daemon import plugins
from daemon.errors import ConfigError
from daemon.plant import plant_spec
from daemon.settings.models import FaultSettings, InstrumentSettings, Settings
from drivers.mqtt import MqttPort
from drivers.transport.base import LineSpec
from simulators.instruments.base import Ports, Role
from simulators.ports import Clock
from simulators.wire.line import Condition, Framing, Line, Station, WireInstrument
from simulators.wire.memory import MemoryEnd
from simulators.wire.mqtt import MemoryBroker, MemoryLink, MqttInstrument
from simulators.world import World

WIRE_FAULTS: Final = ("silent", "garbage", "unplug")
DATA_ROOT = "C:\\Spinsolve"  # on the simulated instrument's computer


class Simulation:
    """World, instruments and lines of one rig; use as a context to clean its files up.

    ``clock`` is the loop's; ``seed`` overrides the one of the settings; ``data_dir`` is the disk of
    the analyser's computer (default: a temporary directory), and with ``local`` the analyser names
    its folders as they are on this machine. Raises ConfigError naming every key that keeps the rig
    from being simulated.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        *,
        seed: int | None = None,
        data_dir: Path | None = None,
        local: bool = False,
    ) -> None:
        self.settings = settings
        spec = plant_spec(settings, roles(settings))
        simulated = settings.simulation
        assert simulated is not None  # noqa: S101  # plant_spec has refused it
        self._temporary = TemporaryDirectory(prefix="taylord-") if data_dir is None else None
        self._data_dir = Path(self._temporary.name) if self._temporary else cast("Path", data_dir)
        self._local = local
        self._seed = simulated.seed if seed is None else seed
        self.world = World(spec, clock, self._seed)
        self.instruments: dict[str, WireInstrument | MqttInstrument] = {
            name: self._instrument(name, instrument, clock)
            for name, instrument in settings.instruments.items()
        }
        self.lines = self._lines()
        self.broker = MemoryBroker()
        self._mqtt_links: dict[str, MemoryLink] = {}
        self._timers: list[asyncio.TimerHandle] = []

    def __enter__(self) -> "Simulation":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Cancel faults to come, and remove the temporary files."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self._temporary is not None:
            self._temporary.cleanup()

    def start(self) -> None:
        """Schedule the faults of the wires, and bring the MQTT devices online in memory.

        Needs a running loop; times count from now.
        """
        self.schedule_faults()
        for name, device in self.mqtt_instruments().items():
            link = self.broker.client(device.will)
            self._mqtt_links[name] = link
            device.attach(link)

    def schedule_faults(self) -> None:
        """Schedule the faults of the wires; those of the plant are the world's."""
        simulated = self.settings.simulation
        for fault in simulated.faults if simulated else ():
            if fault.kind in WIRE_FAULTS:
                self._schedule(fault)

    def dial(self, port: str, line: LineSpec) -> MemoryEnd:
        """Return a new memory pipe to the instruments at a port (for ``drivers.registry.Lines``).

        Raises ConfigError when no simulated instrument is there.
        """
        if port not in self.lines:
            raise ConfigError([f"simulation: nothing simulated at port {port!r}"])
        simulated = self.lines[port]
        if simulated.framing == "serial":
            simulated.baud = line.baud_rate
        simulated.echo = line.echo
        return MemoryEnd(simulated)

    def dial_mqtt(self, port: str) -> MqttPort:
        """Return a new connection to the broker in memory, as the instrument at a topic sees it."""
        return MqttPort(self.broker.client(), port)

    def driver_options(self, name: str) -> dict[str, Any]:
        """Return an instrument's driver options, with what only the simulated rig knows.

        The analyser's data folder is on this machine, whatever is mounted on the real one.
        """
        instrument = self.settings.instruments[name]
        options = instrument.options
        if instrument.driver == "magritek-spinsolve":
            options["data_root"] = {DATA_ROOT: str(self._data_dir / name)}
        return options

    def wire_instruments(self) -> dict[str, WireInstrument]:
        """Return the instruments that hang on byte lines."""
        return {
            name: cast("WireInstrument", instrument)
            for name, instrument in self.instruments.items()
            if not hasattr(instrument, "attach")
        }

    def mqtt_instruments(self) -> dict[str, MqttInstrument]:
        """Return the instruments that are MQTT clients."""
        return {
            name: cast("MqttInstrument", instrument)
            for name, instrument in self.instruments.items()
            if hasattr(instrument, "attach")
        }

    def disturb(self, name: str, condition: Condition) -> None:
        """Break or mend the wire of one instrument now; MQTT devices lose their network."""
        if name in self.mqtt_instruments():
            self._disturb_mqtt(name, condition)
            return
        self.lines[self.settings.instruments[name].port].disturb(name, condition)

    def _instrument(self, name: str, settings: InstrumentSettings, clock: Clock) -> Any:
        factory: Any = plugins.load("taylord.simulators", settings.driver)
        options = {"topic": topic(settings.port), **settings.options}
        options["data_dir"], options["local"] = self._data_dir / name, self._local
        role = role_of(settings)
        port: Any = getattr(self.world, role)(name)
        return factory(name, options, Ports(**{role: port}), clock)

    def _lines(self) -> dict[str, Line]:
        by_port: defaultdict[str, list[Station]] = defaultdict(list)
        for name, instrument in self.wire_instruments().items():
            by_port[self.settings.instruments[name].port].append(Station(instrument))
        return {
            port: Line(
                port,
                stations,
                framing=framing(port),
                rng=random.Random(crc32(port.encode()) ^ self._seed),  # noqa: S311  # line noise
            )
            for port, stations in by_port.items()
        }

    def _schedule(self, fault: FaultSettings) -> None:
        loop = asyncio.get_running_loop()
        names = [fault.instrument] if fault.instrument else list(self.instruments)
        for name in names:
            condition = cast("Condition", fault.kind)
            self._timers.append(loop.call_later(fault.at, self.disturb, name, condition))
            if fault.duration is not None:
                end = fault.at + fault.duration
                self._timers.append(loop.call_later(end, self.disturb, name, "ok"))

    def _disturb_mqtt(self, name: str, condition: Condition) -> None:
        """Lose or restore a device; the broker in memory then speaks its will."""
        device, link = self.mqtt_instruments()[name], self._mqtt_links.get(name)
        device.muted = condition != "ok"
        if link is None:
            return
        if device.muted:
            device.detach()
            link.lose()
        else:
            self._mqtt_links[name] = self.broker.client(device.will)
            device.attach(self._mqtt_links[name])


def roles(settings: Settings) -> dict[str, Role]:
    """Return what each instrument is to the plant; raise ConfigError for unknown drivers."""
    return {name: role_of(instrument) for name, instrument in settings.instruments.items()}


def role_of(instrument: InstrumentSettings) -> Role:
    """Return which port into the plant this instrument needs."""
    factory: Any = plugins.load("taylord.simulators", instrument.driver)
    decide = getattr(factory, "role_for", None)
    role: Any = getattr(factory, "role", None) if decide is None else decide(instrument.options)
    if role not in get_args(Role):
        known = ", ".join(get_args(Role))
        raise ConfigError(
            [f"simulated {instrument.driver!r}: its class must have a role, one of {known}"]
        )
    return role


def framing(port: str) -> Framing:
    """Return how bytes are framed at a port."""
    if port.startswith("modbus-tcp://"):
        return "modbus-tcp"
    return "tcp" if "://" in port else "serial"


def topic(port: str) -> str:
    """Return the topic that the port of an MQTT instrument names."""
    return port.removeprefix("mqtt://").removeprefix("mqtt:").strip("/")
