"""What valves that speak text have in common: turning by one signal, and proof of arrival.

A turn is one command that names its goal, so that the same command twice does no harm; where the
rotor is, is asked until it is there, and asked once more as the read-back of the signal. What an
acknowledgement says is never taken for a position. Turning takes the way of ``position``: limits,
one write, read-back, compare.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from drivers.ascii import AsciiInstrument
from drivers.bus import Bus
from drivers.errors import CommandRejected, DeviceFault, OutOfRange, WrongInstrument
from drivers.options import SerialOptions
from drivers.signal import Lane, Limits
from drivers.table import MethodSignal

LOOK_S = 0.1  # between looks at a turning rotor
MOST = 96  # positions of any valve here


class ValveOptions(SerialOptions):
    """Options of every valve."""

    positions: Annotated[int, Field(ge=2, le=MOST)] | None = None  # None: the valve says it
    turn_s: Annotated[float, Field(gt=0, le=60)] = 5.0  # the longest a turn may take, s
    safe_position: Annotated[int, Field(ge=1, le=MOST)] | None = None  # None: stay where it is


class TextValve(AsciiInstrument):
    """A valve that speaks text; fills the ``Valve`` role. Positions count from 1."""

    Options = ValveOptions
    position = MethodSignal(int, read="_read_position", write="_write_position", limits=(1, MOST))

    def __init__(
        self, name: str, bus: Bus, options: ValveOptions, limits: Mapping[str, Limits]
    ) -> None:
        self._own: ValveOptions = options
        super().__init__(name, bus, options, limits)
        self._positions: int | None = options.positions
        self._goal: int | None = None  # where it was turned to, and has been seen
        if options.safe_position is not None:
            self.position.checked(options.safe_position)  # raises before anything is opened

    @abstractmethod
    async def where(self, lane: Lane) -> int:
        """Ask for the position; raise BadValue when the valve does not know it."""

    @abstractmethod
    async def command(self, position: int, lane: Lane) -> None:
        """Send the command to turn, once."""

    @classmethod
    def limits_by(cls, options: ValveOptions) -> Mapping[str, Limits]:
        """Return the positions, where the options say them."""
        known = options.positions
        return {} if known is None else {"position": Limits(1, known)}

    @property
    def positions(self) -> int:
        """Return how many positions there are; raise CommandRejected before that is known."""
        if self._positions is None:
            raise CommandRejected(self.name, "has not said yet how many positions it has")
        return self._positions

    def found(self, positions: int) -> None:
        """Note how many positions the valve says it has; raise WrongInstrument when not as told."""
        wanted = self._own.positions
        if wanted is not None and wanted != positions:
            what = f"has {positions} positions, the option positions says {wanted}"
            raise WrongInstrument(self.name, what)
        self._positions = positions

    @property
    def turn_s(self) -> float:
        """Return the longest that a turn may take, s."""
        return self._own.turn_s

    def moved(self) -> None:
        """Note that the rotor is not where it was turned to any more."""
        self._goal = None

    async def turn(self, position: int, lane: Lane = Lane.COMMAND) -> int:
        """Turn to this position, wait until it is there, return the read-back."""
        reading = await self.position.set(position, lane)
        return int(reading.value or 0)  # set() has compared it: it is a number

    async def check(self) -> None:
        """Raise DeviceFault when the rotor is not where it was last turned to."""
        goal = self._goal
        at = await self.where(Lane.POLL)
        if goal is not None and goal == self._goal and at != goal:  # else it has been turned since
            what = f"is at position {at}, though it was turned to {goal} (a hand on it?)"
            raise DeviceFault(self.name, what)

    async def make_safe(self) -> None:
        """Turn to the option ``safe_position`` where it is given, on the trip lane; else stay."""
        if self._own.safe_position is not None:
            await self.turn(self._own.safe_position, Lane.TRIP)

    async def _read_position(self, lane: Lane) -> int:
        return await self.where(lane)

    async def _write_position(self, position: int, lane: Lane) -> int:
        if position > self.positions:
            what = f"position {position} is refused, limits are [1, {self.positions}]"
            raise OutOfRange(self.name, what)
        self._goal = None
        await self.command(position, lane)
        await self.until_there(position, lane)
        self._goal = position
        return position

    async def until_there(self, position: int, lane: Lane) -> None:
        """Wait for the rotor; raise DeviceFault when it does not arrive in time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.turn_s
        while (at := await self.where(lane)) != position:
            if loop.time() >= deadline:
                raise DeviceFault(
                    self.name,
                    f"did not arrive at position {position} within {self.turn_s:g} s;"
                    f" it says it is at {at}{self.complaint()}",
                )
            await asyncio.sleep(LOOK_S)

    def complaint(self) -> str:
        """Return what the valve has said against the last command, for the message; or nothing."""
        return ""
