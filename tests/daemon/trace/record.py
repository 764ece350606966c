"""Records ``small.jsonl`` anew: a short day of the simulated rig, with trouble on every wire.

python -m tests.daemon.trace.record [FILE]

Do it when a driver asks differently on purpose; the test beside it then takes the new recording.
"""

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

from daemon.rig.parts import build_instrument
from daemon.settings.models import Settings
from daemon.simulation import Simulation
from daemon.trace.recording import Recording
from drivers.errors import InstrumentError
from drivers.registry import Lines
from drivers.signal import Lane
from simulators.virtualtime import run

SMALL = Path(__file__).with_name("small.jsonl")
RIG = {
    "name": "small",
    "instruments": {
        "pump": {"driver": "knauer-azura-pump", "port": "socket://192.0.2.1:10001"},
        "syringe": {
            "driver": "new-era-ne1000",
            "port": "/dev/ttyUSB0",
            "address": 1,
            "syringe": {"diameter_mm": 26.59, "volume_ml": 60.0},
        },
        "bath": {
            "driver": "huber-pilot-one",
            "port": "/dev/ttyUSB1",
            "limits": {"setpoint": [0.0, 140.0]},
        },
        "gauge": {"driver": "keller-x-line", "port": "/dev/ttyUSB2", "address": 2},
    },
    "feeds": [
        {"name": "substrate", "pump": "pump", "solutes": {"dfnb": 2.0}},
        {"name": "amine", "pump": "syringe", "solutes": {"pyrrolidine": 4.2}},
    ],
    "reactor": {"volume_ml": 1.0, "inner_diameter_mm": 0.8, "thermostat": "bath"},
    "chemistry": {"limiting": "dfnb", "product": "ortho"},
    "simulation": {"chemistry": "snar-hone-2017"},
}


async def attempt(call):
    """Make a call whose fault belongs into the recording."""
    with suppress(InstrumentError):
        await call


async def scan(instruments):
    """Read what the poller reads, side by side."""
    async with asyncio.TaskGroup() as tasks:
        for instrument in instruments.values():
            names = [n for n, s in instrument.signals.items() if s.spec.poll_s is not None]
            tasks.create_task(attempt(instrument.poll(names)))


async def day(lines, simulation, settings):
    """Connect, act, and meet silence, garbage and an unplugged cable on every line."""
    instruments = {n: build_instrument(n, settings, lines) for n in settings.instruments}
    for name, instrument in instruments.items():
        await lines.open(name)
        await instrument.identify()
        await instrument.prepare()
    pump, bath = instruments["pump"], instruments["bath"]
    await attempt(pump.set_flow(0.5))
    await attempt(instruments["syringe"].set_flow(0.25))
    await attempt(bath.set_temperature(60.0))
    await attempt(bath.set_temperature(200.0))
    await scan(instruments)
    for trouble in ("silent", "garbage", "unplug"):
        await disturbed(lines, simulation, instruments, trouble)
    await attempt(pump.stop(Lane.TRIP))
    for instrument in instruments.values():
        await attempt(instrument.make_safe())


async def disturbed(lines, simulation, instruments, trouble):
    """Read while every wire is in this trouble, and again when it is over."""
    for name in instruments:
        simulation.disturb(name, trouble)
    await scan(instruments)
    for name in instruments:
        simulation.disturb(name, "ok")
    await asyncio.sleep(2.0)
    for name in instruments:
        await lines.open(name)
    await scan(instruments)


async def record(path):
    """Write the recording of a day; the same bytes each time."""
    settings = Settings.model_validate(RIG)
    with Simulation(settings, asyncio.get_running_loop().time) as simulation:
        simulation.start()
        recording = Recording(path, settings.name)
        lines = recording.lines(Lines, simulation.dial)
        await day(lines, simulation, settings)
        await lines.close()
        recording.close()


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else SMALL
    target.unlink(missing_ok=True)
    run(record(target))
