"""``taylord simulate``: the simulated instruments alone, for any program of this machine.

Serial ports become pseudo-terminals, network ports become sockets on the loopback address, MQTT
instruments become clients of the broker; everything runs on the wall clock. The endpoints are told
as JSON once all of them are open (CONTRACT, command line), and nothing is left behind at the end.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from daemon.app.broker import password_of
from daemon.errors import ConfigError, TaylordError
from daemon.settings.models import MqttSettings, Settings
from daemon.simulation import Simulation, framing
from simulators.wire.line import Line
from simulators.wire.mqtt import publish_on_network
from simulators.wire.pty import PtyServer
from simulators.wire.tcp import JsonServer, TcpServer

Endpoints = dict[str, Any]


async def simulate(
    settings: Settings,
    *,
    endpoints: Path | None = None,
    announce: Callable[[Endpoints], None] = lambda _: None,
    data_dir: Path | None = None,
) -> None:
    """Host the rig's instruments until cancelled.

    Writes the endpoints to the file ``endpoints`` (whole or not at all) and tells them to
    ``announce``. Raises ConfigError when the rig cannot be simulated, TaylordError when the file
    cannot be written.
    """
    async with hosted(settings, data_dir=data_dir) as opened:
        if endpoints is not None:
            _write(endpoints, opened)
        announce(opened)
        try:
            await asyncio.Event().wait()
        finally:
            _remove(endpoints)


@asynccontextmanager
async def hosted(
    settings: Settings, *, data_dir: Path | None = None
) -> AsyncGenerator[Endpoints, None]:
    """Open every endpoint; give the endpoints document; close everything at the end."""
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        rig = stack.enter_context(Simulation(settings, loop.time, data_dir=data_dir, local=True))
        instruments: Endpoints = {}
        for port, line in rig.lines.items():
            place = await _open(stack, port, line)
            for station in line.stations:
                name = station.instrument.name
                speaks = getattr(station.instrument, "speaks_modbus", False)
                known_as = ("modbus-rtu", place[1]) if speaks and place[0] == "pty" else place
                instruments[name] = _entry(settings, name, known_as)
        start = await stack.enter_async_context(_until_the_end())
        for name, device in rig.mqtt_instruments().items():
            broker = _broker(settings)
            start(publish_on_network(device, broker.host, broker.port, _login(broker)), name)
            place = ("mqtt", f"{broker.host}:{broker.port}")
            instruments[name] = _entry(settings, name, place) | {"topic": device.topic}
        state = JsonServer(rig.world.truth)
        await state.open()
        stack.push_async_callback(state.close)
        rig.schedule_faults()
        yield {"instruments": instruments, "state": state.endpoint}


async def _open(stack: AsyncExitStack, port: str, line: Line) -> tuple[str, str]:
    """Serve one line; return its kind and where it is."""
    if framing(port) == "serial":
        terminal = PtyServer(line)
        stack.callback(terminal.close)
        return "pty", terminal.path
    server = TcpServer(line)
    await server.open()
    stack.push_async_callback(server.close)
    return ("modbus-tcp" if line.framing == "modbus-tcp" else "tcp"), server.endpoint


def _entry(settings: Settings, name: str, place: tuple[str, str]) -> Endpoints:
    instrument = settings.instruments[name]
    kind, where = place
    entry = {"driver": instrument.driver, "kind": kind, "port": where}
    return entry | {"address": instrument.address}


def _broker(settings: Settings) -> MqttSettings:
    if settings.mqtt is None:
        raise ConfigError(["mqtt: section is missing; simulated MQTT instruments need a broker"])
    return settings.mqtt


def _login(broker: MqttSettings) -> dict[str, Any]:
    """Return the client options of a broker that wants a name and a password."""
    if broker.username is None:
        return {}
    password = password_of(broker)
    return {"username": broker.username} | ({"password": password} if password is not None else {})


@asynccontextmanager
async def _until_the_end() -> AsyncGenerator[
    Callable[[Coroutine[Any, Any, None], str], None], None
]:
    """Give a function that starts a task for as long as the block lasts."""
    started: list[asyncio.Task[None]] = []
    failure: BaseException | None = None
    async with asyncio.TaskGroup() as tasks:

        def start(work: Coroutine[Any, Any, None], name: str) -> None:
            started.append(tasks.create_task(work, name=f"simulate {name}"))

        try:
            yield start
        except BaseException as error:  # noqa: BLE001  # raised below: the group would wrap it
            failure = error
        for task in started:
            task.cancel()
    if failure is not None:
        raise failure


def _remove(path: Path | None) -> None:
    """Take the endpoints back: they lead nowhere now."""
    if path is not None:
        path.unlink(missing_ok=True)


def _write(path: Path, document: Endpoints) -> None:
    """Write the file so that whoever waits for it finds it whole."""
    draft = path.with_name(path.name + ".part")
    try:
        draft.write_text(json.dumps(document, indent=2) + "\n")
        draft.replace(path)
    except OSError as error:
        raise TaylordError(f"{path}: cannot be written: {error.strerror or error}") from None
