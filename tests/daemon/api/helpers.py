"""Commands that remember what was asked of them, and a store that answers at once."""

import asyncio
import json

from daemon.api.dispatch import Dispatcher
from daemon.api.parse import Incoming
from daemon.errors import OutOfLimits, StoreFailed, UnknownSignal
from daemon.events import EventBus
from drivers.errors import NoReply


class Recording:
    """Does nothing but note it; ``set`` answers like a rig with one signal."""

    def __init__(self):
        self.done = []
        self.gate = None

    def __getattr__(self, method):
        if method.startswith("_"):
            raise AttributeError(method)

        async def perform(arguments):
            if self.gate is not None and method != "ping":
                await self.gate.wait()
            self.done.append((method, arguments.model_dump(exclude_unset=True)))
            return {"did": method}

        return perform

    async def set(self, arguments):
        match arguments.signal:
            case "bath.setpoint":
                self.done.append(("set", arguments.value))
                return {"value": arguments.value}
            case "pump.flow":
                raise OutOfLimits("pump.flow: 9 mL/min is outside its limits [0, 5] mL/min")
            case "pump.dead":
                raise NoReply("pump", b"?", 1.0)
            case "pump.slow":
                raise TimeoutError
            case "pump.bug":
                raise ZeroDivisionError("oops")
        raise UnknownSignal(f"no signal {arguments.signal!r} on this rig")


class Desk:
    """A dispatcher with its surroundings; ``ask`` returns the reply."""

    def __init__(self, remembered=()):
        self.commands, self.bus = Recording(), EventBus()
        self.events, self.committed, self.failing = [], [], False
        self.bus.on_event(self.events.append)
        self.dispatcher = Dispatcher(self.commands, self.bus, self.commit, remembered)
        self.task = asyncio.create_task(self.dispatcher.run())

    async def commit(self, event):
        await asyncio.sleep(0)
        if self.failing:
            raise StoreFailed("disk: full")
        self.committed.append(event)

    def send(self, verb, fields, **how):
        payload = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
        reply = asyncio.get_running_loop().create_future()
        self.dispatcher.take(Incoming(verb, payload, **how), reply.set_result)
        return reply

    async def ask(self, verb, fields, **how):
        return await self.send(verb, fields, **how)

    async def close(self):
        self.task.cancel()
        await asyncio.wait([self.task])
