"""The plunger of one side of a Microlab 600: where it is, whether it moves, stopping it.

Microlab 600 RS-232 manual; see :mod:`drivers.pumps.hamilton`. The stroke of 60 mm is 48000 steps.
``F`` tells only whether anything of the instrument moves; whether this side does, two looks at its
position tell.
"""

import asyncio
from collections.abc import Mapping

from drivers.again import until_stopped
from drivers.bus import Bus
from drivers.errors import DeviceFault, GarbledReply
from drivers.pumps.hamilton_wire import LOOK_S, HamiltonOptions, HamiltonWire
from drivers.signal import Lane, Limits

STROKE, LONGEST = 48000, 52800  # steps
APART_S = 0.3  # between two looks that tell whether it moves: 4 steps at the slowest
OLD_S = 5.0  # a look older than this tells nothing
SAME_LOOK_S = 0.05  # signals of one poll share a look


class HamiltonPlunger(HamiltonWire):
    """One side of a syringe pump as far as its plunger goes."""

    def __init__(
        self, name: str, bus: Bus, options: HamiltonOptions, limits: Mapping[str, Limits]
    ) -> None:
        super().__init__(name, bus, options, limits)
        self.commanded: float | None = None  # mL/min; None: not known
        self._looks: list[tuple[float, int]] = []  # the last two: loop time, steps

    async def stop(self, lane: Lane = Lane.COMMAND) -> None:
        """Halt, forget what was to come, and see it stand; tried again while answers are lost."""
        self.commanded = None  # until it is seen to stand
        await until_stopped(self.name, lambda: self._stopped(lane))
        self._looks.clear()
        self.commanded = 0.0

    async def _stopped(self, lane: Lane) -> bool:
        await self.perform("K", lane)
        await self.perform("V", lane)
        self._looks.clear()
        return not await self.moves(lane)

    async def look(self, lane: Lane) -> int:
        """Ask for the plunger's position, steps."""
        text = await self.query("YQP", lane)
        steps = int(text)
        if steps > LONGEST:
            self.doubt()
            raise GarbledReply(self.name, b"YQP", text.encode(), f"more than {LONGEST} steps")
        self._looks = [*self._looks[-1:], (asyncio.get_running_loop().time(), steps)]
        return steps

    async def steps(self, lane: Lane) -> int:
        """Return the position; that of a moment ago when a poll asks."""
        now = asyncio.get_running_loop().time()
        if lane is Lane.POLL and self._looks and now - self._looks[-1][0] <= SAME_LOOK_S:
            return self._looks[-1][1]
        return await self.look(lane)

    async def moves(self, lane: Lane) -> bool:
        """Return whether this side moves; two looks tell where the other side may be meant."""
        if await self.ask("F", lane=lane) != "*":
            return False
        before = self._looks[-1] if self._looks else None
        now = asyncio.get_running_loop().time()
        if before is None or not APART_S <= now - before[0] <= OLD_S:
            before = (now, await self.look(lane))
            await asyncio.sleep(APART_S)
        return await self.look(lane) != before[1]

    async def carry_out(self, command: str, limit_s: float, lane: Lane) -> None:
        """Do a move and wait for its end; whatever ends it early stops it."""
        self._looks.clear()
        try:
            await self.perform(command, lane)
            await self._until_still(limit_s, lane)
        except BaseException:  # cancelled, tripped or failed: it must not go on by itself
            await self.stop()
            raise
        self._looks.clear()

    async def _until_still(self, limit_s: float, lane: Lane) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit_s
        await asyncio.sleep(LOOK_S)
        while await self.moves(lane):
            if loop.time() >= deadline:
                raise DeviceFault(self.name, f"is still moving after {limit_s:.0f} s")
            await asyncio.sleep(LOOK_S)
