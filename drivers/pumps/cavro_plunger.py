"""The plunger of a Cavro pump: where it is, moving it, initialising it, stopping it.

Cavro XP 3000 and XLP 6000 manuals, chapters on commands; see :mod:`drivers.pumps.cavro`.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Literal

from drivers.again import until_stopped
from drivers.bus import Bus
from drivers.errors import CommandRejected, DeviceFault
from drivers.pumps.cavro_protocol import LOST, REFUSALS, CavroOptions, Status
from drivers.pumps.cavro_wire import CavroWire
from drivers.signal import Lane, Limits

STOPS = ("T", "T", "T", "TR")  # the last in case a firmware wants the R
STOPPING_S = 0.1  # between T and the next look
LOOK_S = 0.25  # between looks at a pump that is busy
INITIALISE_S = 60.0
VALVE_S = 5.0
Doing = Literal["nothing", "unknown", "dispense", "refill", "initialise"]


class CavroPlunger(CavroWire):
    """A Cavro pump as far as its plunger goes."""

    def __init__(
        self, name: str, bus: Bus, options: CavroOptions, limits: Mapping[str, Limits]
    ) -> None:
        self.full = options.stroke * (8 if options.fine else 1)  # increments
        super().__init__(name, bus, options, limits)
        self.doing: Doing = "unknown"
        self.commanded = 0.0  # mL/min
        self.filled_at: int | None = None  # increments, after the last fill
        self.late_error = 0  # of a command, told by a status after it

    async def stop(self, lane: Lane = Lane.COMMAND) -> None:
        """Stop, confirmed by the status; harmless twice, so it is sent until confirmed."""
        self.commanded = 0.0
        texts = iter(STOPS)
        await until_stopped(self.name, lambda: self._stopped(next(texts), lane), len(STOPS))
        self.doing = "nothing"

    async def _stopped(self, text: str, lane: Lane) -> bool:
        """Send a stop; return whether it stands then, or a moment later."""
        with suppress(CommandRejected, DeviceFault):  # an old error: the status decides
            await self.tell(text, lane=lane)
        if (await self.look(lane)).ready:
            return True
        self.doing = "unknown"
        await asyncio.sleep(STOPPING_S)
        return (await self.look(lane)).ready

    async def look(self, lane: Lane = Lane.COMMAND) -> Status:
        """Return the status; an error of a command, told late, is kept for who gave it."""
        status = await self.status(lane)
        if status.code in REFUSALS:
            self.late_error = status.code
        return status

    async def position(self, lane: Lane = Lane.COMMAND) -> int:
        """Return the plunger's position, increments; an error when the pump has lost it."""
        reply = await self.ask("?", lane=lane)
        if (code := Status.of(reply).code) in LOST:
            raise self.error(code)
        if (position := int(reply[1:])) > self.full:
            what = f"is at {position} of {self.full} increments"
            raise DeviceFault(self.name, f"{what}: are stroke and fine as the pump's?")
        return position

    async def initialise(self) -> None:
        """Drive the plunger to its end, the valve at the output; return when done.

        Empties the syringe through the output. Cancelling it stops the pump.
        """
        if not (await self.look()).ready:
            raise CommandRejected(self.name, "is moving: stop it first")
        options = self.options
        letter = {"output-right": "Z", "output-left": "Y", "none": "W"}[options.valve]
        fine = "N1" if options.fine else ""
        await self.move(f"{letter}{options.initialise_code}{fine}R", "initialise", INITIALISE_S)
        self.filled_at = await self.position()

    async def move(self, text: str, doing: Doing, limit_s: float) -> None:
        """Execute a string and wait until it is done; whatever ends the wait stops the pump."""
        self.doing, self.late_error = doing, 0
        try:
            await self.tell(text)
            async with asyncio.timeout(limit_s):
                while not (status := await self.look()).ready:  # noqa: ASYNC110 - it tells when asked
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            await self.stop()
            raise DeviceFault(self.name, f"{doing} was not done within {limit_s:.0f} s") from None
        except BaseException:  # cancelled, tripped or failed: it must not go on by itself
            await self.stop()
            raise
        self.doing = "nothing"
        if code := self.late_error or status.code:
            raise self.error(code, f"{doing} failed: ")
