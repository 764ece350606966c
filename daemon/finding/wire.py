"""A session at the console: the line opened, what is typed done, the line closed."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from daemon.app.connecting import real_lines
from daemon.errors import ConfigError, Refused
from daemon.finding.console import Console
from daemon.finding.transcript import Transcript
from daemon.plugins import load
from daemon.rig.parts import LinesPort, build_instrument
from daemon.settings.models import Settings
from daemon.trace.recording import Recording, recorded, recording_to
from drivers.bus import Bus
from drivers.errors import InstrumentError
from drivers.options import DriverOptions
from drivers.registry import Lines, dial_real
from drivers.transport.base import Dial
from drivers.transport.trace import traced

PROMPT = "wire> "


@dataclass(frozen=True)
class Session:
    """What a session is asked for."""

    settings: Settings
    instrument: str
    simulate: bool = False
    allow_writes: bool = False
    trace: Path | None = None


async def session(
    asked: Session, lines: AsyncIterator[str], show: Callable[[str], None]
) -> Transcript:
    """Do what is typed until it ends; return what happened.

    Raises ConfigError when the instrument is not there or has no line, Refused when its port
    cannot be opened.
    """
    transcript = Transcript(show)
    with (
        _dialled(asked) as (make, dial),
        recording_to(asked.trace, asked.settings.name) as recording,
    ):
        port = recorded(recording, make, traced(dial, transcript.on_wire))
        try:
            await _run(asked, port, recording, transcript, lines)
        finally:
            await port.close()
    return transcript


async def _run(
    asked: Session,
    lines: LinesPort,
    recording: Recording | None,
    transcript: Transcript,
    typed: AsyncIterator[str],
) -> None:
    name = asked.instrument
    try:
        instrument = build_instrument(name, asked.settings, lines)
    except ValueError as error:
        raise ConfigError([f"{name}: cannot be made: {' '.join(str(error).split())}"]) from None
    bus = lines.link(name)
    if not isinstance(bus, Bus):
        raise ConfigError([f"{name}: is an MQTT instrument, it has no line of bytes to look at"])
    try:
        await lines.open(name)
    except InstrumentError as error:
        raise Refused(f"{error} (taylord wire needs the line for itself)") from None
    options = _options(asked)
    console = Console(
        instrument,
        bus,
        transcript,
        allow_writes=asked.allow_writes,
        call=recording.call if recording is not None else _plain_call,
        timeout_s=options.timeout_s,
        address=getattr(options, "address", None),
    )
    async for line in typed:
        if bus.state != "open":
            await _reopened(lines, name, transcript)
        if not await console.do(line):
            return


async def _reopened(lines: LinesPort, name: str, transcript: Transcript) -> None:
    try:
        await lines.open(name)
    except InstrumentError as error:
        transcript.fault(error)


async def _plain_call(
    _of: str, _do: str, _noted: Sequence[object], own: Callable[..., Awaitable[Any]], *given: object
) -> Any:
    return await own(*given)


def _options(asked: Session) -> DriverOptions:
    """Return the options of the instrument's driver as the driver takes them."""
    own = asked.settings.instruments[asked.instrument]
    options: DriverOptions = load("taylord.drivers", own.driver).Options.model_validate(own.options)
    return options


@contextmanager
def _dialled(asked: Session) -> Generator[tuple[Callable[[Dial], Lines], Dial]]:
    """Give how lines are made, of the real rig or the simulated one."""
    if not asked.simulate:
        yield (lambda dial: real_lines(asked.settings, dial)), dial_real
        return
    from daemon.simulation import Simulation

    with Simulation(asked.settings, asyncio.get_running_loop().time) as simulation:
        simulation.start()
        yield (lambda dial: Lines(dial, simulation.dial_mqtt)), simulation.dial


async def typed_lines(prompt: str | None) -> AsyncIterator[str]:
    """Yield the lines of standard input; they are read in a thread that nobody waits for.

    With a prompt, the next line is asked for when the last one has been done.
    """
    loop = asyncio.get_running_loop()
    wanted = threading.Semaphore(0)
    came: asyncio.Queue[str | None] = asyncio.Queue()

    def read() -> None:
        while wanted.acquire():
            line = _line(prompt)
            try:
                loop.call_soon_threadsafe(came.put_nowait, line)
            except RuntimeError:  # the session is over, and its loop closed
                return
            if line is None:
                return

    threading.Thread(target=read, name="standard input", daemon=True).start()
    while True:
        wanted.release()
        line = await came.get()
        if line is None:
            return
        yield line


def _line(prompt: str | None) -> str | None:
    """Return the next line, None at the end; with line editing at a terminal."""
    if prompt is None:
        return sys.stdin.readline() or None
    with suppress(ImportError):
        import_module("readline")  # makes input() a line editor
    try:
        return input(prompt)
    except EOFError:
        return None
