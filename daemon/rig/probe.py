"""Asks every instrument of a file who it is, and moves nothing (``taylord check --connect``)."""

import asyncio
from dataclasses import dataclass

from daemon.errors import ConfigError
from daemon.rig.parts import LinesPort, build_instrument
from daemon.settings.models import Settings
from drivers.errors import InstrumentError
from drivers.roles import Instrument

PROBE_S = 10.0


@dataclass(frozen=True, slots=True)
class Probe:
    """What one instrument answered; ``identity`` is empty when ``fault`` says why."""

    name: str
    identity: str = ""
    fault: str = ""


async def probe_rig(settings: Settings, lines: LinesPort) -> list[Probe]:
    """Return one answer per instrument, in the order of the file; closes the lines at the end."""
    try:
        async with asyncio.TaskGroup() as tasks:
            asked = [
                tasks.create_task(_probe(settings, name, lines), name=f"probe {name}")
                for name in settings.instruments
            ]
        return [task.result() for task in asked]
    finally:
        await lines.close()


async def _probe(settings: Settings, name: str, lines: LinesPort) -> Probe:
    try:
        instrument = build_instrument(name, settings, lines)
        async with asyncio.timeout(PROBE_S):
            return Probe(name, identity=await _identify(instrument, lines))
    except TimeoutError:
        return Probe(name, fault=f"no answer within {PROBE_S:g} s")
    except InstrumentError as error:
        return Probe(name, fault=error.what)
    except (ValueError, ConfigError) as error:
        return Probe(name, fault=f"cannot be built: {error}")


async def _identify(instrument: Instrument, lines: LinesPort) -> str:
    await lines.open(instrument.name)
    return await instrument.identify()
