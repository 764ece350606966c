"""The simulated example rig with its real drivers, guard and executor, in virtual time."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from daemon.events import EventBus
from daemon.experiment.executor import Executor
from daemon.rig.rig import Rig
from daemon.settings.models import Settings
from daemon.simulation import Simulation
from drivers.registry import Lines
from tests.daemon.experiment.flow import example

# near ambient and short: the whole experiment takes a few virtual minutes
COOL = {
    "residence_time": 0.5,
    "temperature": 32.0,
    "concentration": 0.4,
    "equivalents.pyrrolidine": 3.0,
}


@dataclass
class Assembly:
    """A rig that runs, and everything it emitted."""

    settings: Settings
    sim: Simulation
    rig: Rig
    events: EventBus
    executor: Executor
    log: list = field(default_factory=list)

    def states(self, experiment=None):
        """Return the states of the experiments, repeats left out."""
        states = [
            e.data["state"]
            for e in self.log
            if e.kind == "experiment" and experiment in {None, e.data["id"]}
        ]
        return [s for i, s in enumerate(states) if i == 0 or states[i - 1] != s]

    def commands(self, verb):
        """Return the arguments of the commands that were carried out, with their times."""
        return [
            (e.t, e.data["arguments"])
            for e in self.log
            if e.kind == "command" and e.data["verb"] == verb and e.data["outcome"] == "done"
        ]

    async def until(self, state="running", step=""):
        """Wait until the running experiment is in this state, at this step."""
        while True:
            run = self.executor._run
            if run is not None and run.state == state and run.step == (step or run.step):
                return
            await asyncio.sleep(0.5)

    def truth(self):
        return self.sim.world.truth()


@asynccontextmanager
async def flow_rig(raw=None, used_ml=None, **sections):
    """Return the example rig running, with keys of its sections replaced."""
    settings = example(**sections)
    loop = asyncio.get_running_loop()
    with Simulation(settings, loop.time) as sim:
        sim.start()
        instruments = {
            name: type(own).model_validate({**own.model_dump(), **sim.driver_options(name)})
            for name, own in settings.instruments.items()
        }
        settings = settings.model_copy(update={"instruments": instruments})
        events = EventBus()
        rig = Rig(settings, Lines(sim.dial, sim.dial_mqtt), events)
        executor = Executor(settings, rig, events, raw=raw, used_ml=used_ml)
        assembly = Assembly(settings, sim, rig, events, executor)
        events.on_event(assembly.log.append)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(rig.run(), name="rig")
            await rig.first_attempts()
            try:
                yield assembly
            finally:
                running.cancel()
