"""Asks every instrument of a file who it is, and moves nothing (``taylord check --connect``)."""

import asyncio
from dataclasses import dataclass

from daemon.errors import ConfigError
from daemon.rig.advice import advice
from daemon.rig.parts import LinesPort, build_instrument
from daemon.settings.models import Settings
from drivers.errors import InstrumentError
from drivers.roles import Instrument

PROBE_S = 10.0


@dataclass(frozen=True, slots=True)
class Probe:
    """What one instrument answered; ``identity`` is empty when ``fault`` says why.

    ``seconds`` is the time from opening the line to the answer; ``advice`` what to look at.
    """

    name: str
    identity: str = ""
    fault: str = ""
    advice: str = ""
    seconds: float = 0.0


async def probe_rig(settings: Settings, lines: LinesPort) -> list[Probe]:
    """Return one answer per instrument, in the order of the file; closes the lines at the end."""
    built: dict[str, Instrument] = {}
    faults: dict[str, Probe] = {}
    for name in settings.instruments:
        try:
            built[name] = build_instrument(name, settings, lines)
        except (ValueError, ConfigError) as error:
            faults[name] = Probe(name, fault=f"cannot be built: {error}")
    try:
        async with asyncio.TaskGroup() as tasks:
            asked = {
                name: tasks.create_task(_probe(settings, i, lines), name=f"probe {name}")
                for name, i in built.items()
            }
        return [faults.get(name) or asked[name].result() for name in settings.instruments]
    finally:
        await lines.close()


async def _probe(settings: Settings, instrument: Instrument, lines: LinesPort) -> Probe:
    name, now = instrument.name, asyncio.get_running_loop().time
    began = now()
    try:
        async with asyncio.timeout(PROBE_S):
            identity = await _identify(instrument, lines)
    except TimeoutError:
        fault, error = f"no answer within {PROBE_S:g} s", None
    except InstrumentError as caught:
        fault, error = caught.what, caught
    else:
        return Probe(name, identity=identity, seconds=now() - began)
    look_at = advice(settings.instruments[name], error)
    return Probe(name, fault=fault, advice=look_at, seconds=now() - began)


async def _identify(instrument: Instrument, lines: LinesPort) -> str:
    await lines.open(instrument.name)
    return await instrument.identify()
