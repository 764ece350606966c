"""Hamilton MVP modular valve positioners (Microlab 600 RS-232 manual, Protocol 1/RNO+).

The wire is in :mod:`drivers.pumps.hamilton_wire`; an MVP may hang on one chain with Microlab 600
pumps. ``LPdp`` turns clockwise (d 0) or counter-clockwise (d 1) to position p, ``LQP`` tells the
position. How many positions a valve type has is not in the sheet: the option ``positions`` says it.
The valve must be initialised once after power-up (signal ``initialised``), which turns it.
Unverified on hardware.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from drivers.bus import Bus
from drivers.errors import CommandRejected, DeviceFault, OutOfRange
from drivers.pumps.hamilton_wire import HamiltonOptions, HamiltonWire, chain_probes
from drivers.signal import Lane, Limits
from drivers.table import BadValue, MethodSignal
from drivers.valves.turning import TextValve, ValveOptions

INITIALISE_S = 15.0  # the longest that it may take
CLOCKWISE, COUNTER = "clockwise", "counter-clockwise"


class MvpOptions(HamiltonOptions, ValveOptions):
    """Options of an MVP."""

    timeout_s: Annotated[float, Field(gt=0, le=60)] = 0.5  # answers come at once
    positions: Annotated[int, Field(ge=2, le=11)] = Field()  # pyright: ignore[reportIncompatibleVariableOverride]  # the valve does not say it
    direction: Literal["clockwise", "counter-clockwise", "shortest"] = CLOCKWISE


class HamiltonMvp(TextValve, HamiltonWire):
    """Valve positioner; fills the ``Valve`` role."""

    Options = MvpOptions
    line = HamiltonWire.line
    firmware = ("MV",)
    model = "Hamilton MVP"
    probes: ClassVar = chain_probes(b"MV", "Hamilton MVP {}")

    initialised = MethodSignal(
        bool, read="read_initialised", write="_initialise", poll_s=None, doc="setting it turns it"
    )

    def __init__(
        self, name: str, bus: Bus, options: MvpOptions, limits: Mapping[str, Limits]
    ) -> None:
        super().__init__(name, bus, options, limits)
        self._direction = options.direction

    async def prepare(self) -> None:
        """Make sure that it answers; turns nothing."""
        await self.find()

    async def check(self) -> None:
        """Raise DeviceFault on a valve error, when not initialised, or not where it was turned."""
        if await self.query("G", Lane.POLL) == "Y":
            raise DeviceFault(self.name, "valve error (overload, or not initialised)")
        self.require_ready()
        await super().check()

    async def _initialise(self, on: bool, lane: Lane) -> bool:
        """Initialise the valve; raise DeviceFault when it ends in an error."""
        if not on:
            raise OutOfRange(self.name, "initialised can only be set to true")
        await self.perform("LXR", lane)
        await self.until_idle(INITIALISE_S, lane)
        self.moved()
        self.initialised_now()
        await self.check()
        return True

    async def where(self, lane: Lane) -> int:
        """Ask for the position; raise BadValue while it is at none."""
        at = int(await self.query("LQP", lane))
        if not 1 <= at <= self.positions:
            raise BadValue("range")
        return at

    async def command(self, position: int, lane: Lane) -> None:
        """Turn, once."""
        self.require_ready()
        if lane is not Lane.TRIP and await self.ask("F", lane=lane) == "*":
            raise CommandRejected(self.name, "is still moving, and would ignore another command")
        turn = await self._way(position, lane)
        await self.perform(f"LP{turn}{position}R", lane)
        await self.until_idle(self.turn_s, lane)

    async def _way(self, position: int, lane: Lane) -> int:
        """Return 0 for clockwise, 1 for counter-clockwise."""
        if self._direction != "shortest":
            return int(self._direction == COUNTER)
        up = (position - await self.where(lane)) % self.positions
        return int(2 * up > self.positions)
