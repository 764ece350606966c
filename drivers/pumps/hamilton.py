"""Hamilton Microlab 600 syringe pumps, one side of one (Microlab 600 RS-232 manual).

The wire is in :mod:`drivers.pumps.hamilton_wire`, the plunger in
:mod:`drivers.pumps.hamilton_plunger`. A dual instrument has two drives, ``side`` left
(``B``) and right (``C``): each is an instrument of its own in the configuration, on one port and at
one address. The stroke of 60 mm is 48000 steps. Speeds are whole seconds per stroke, 2 to 3692, so
that flows come in steps, wide ones where the flow is fast: one that cannot be made is refused.

A flow is a move to 0 through the output, which ends by itself when the syringe is empty. A moving
drive takes no new speed: it is halted and started again. A refill turns the valve to the input,
draws, and turns back.

Oddities: whether ``K`` halts one side or both is not settled; a side that was halted with the other
shows in ``check``. Nothing says which flow a drive runs at, so one found moving by no command of
ours is halted by ``prepare``. There is no watchdog: if the daemon dies, the drive runs until the
syringe is empty, or ``taylord safe`` stops it. Unverified on hardware.
"""

import asyncio
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from drivers.bus import Bus
from drivers.errors import (
    CommandRejected,
    DeviceFault,
    OutOfRange,
    WrongInstrument,
)
from drivers.options import DriverOptions
from drivers.pumps.hamilton_plunger import STROKE, HamiltonPlunger
from drivers.pumps.hamilton_wire import LOOK_S, HamiltonOptions, chain_probes
from drivers.pumps.role import SyringeOfSignals
from drivers.signal import Lane, Limits
from drivers.table import BadValue, MethodSignal

FASTEST_S, SLOWEST_S = 2, 3692  # per stroke
TURN_S = 2.0  # for the valve, before the plunger moves
START_S = 5.0  # for the valve, and a few steps at the slowest
SAME_FLOW = 1e-3  # of a flow: what rounding to whole seconds may change


class Stroke(BaseModel):
    """The syringe on the drive; Hamilton's have a stroke of 60 mm."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    volume_ml: Annotated[float, Field(gt=0, le=50)]  # when full


class HamiltonPumpOptions(HamiltonOptions):
    """Options of one side of a Microlab 600."""

    syringe: Stroke
    side: Literal["left", "right"] = "left"
    initialise_s: Annotated[int, Field(ge=FASTEST_S, le=SLOWEST_S)] | None = None  # per stroke

    @property
    def place(self) -> object:
        """Return address and side: both sides of an instrument share its address."""
        return f"{self.address} {self.side}"


class HamiltonPump(HamiltonPlunger, SyringeOfSignals):
    """One side of a syringe pump; fills the ``SyringePump`` role."""

    Options: ClassVar[type[DriverOptions]] = HamiltonPumpOptions
    firmware = ("NV", "OM")
    model = "Hamilton Microlab 600"
    probes: ClassVar = chain_probes(b"(?:NV|OM)", "Hamilton Microlab 600 {}")

    flow = MethodSignal(float, "mL/min", read="_read_flow", write="_write_flow")
    dispensed = MethodSignal(float, "mL", read="_read_dispensed", poll_s=5.0)
    remaining = MethodSignal(float, "mL", read="_read_remaining", poll_s=5.0)
    initialised = MethodSignal(
        bool,
        read="read_initialised",
        write="_initialise",
        poll_s=None,
        doc="setting it moves plunger and valve, and empties the syringe through the output",
    )

    def __init__(
        self, name: str, bus: Bus, options: HamiltonPumpOptions, limits: Mapping[str, Limits]
    ) -> None:
        self._own: HamiltonPumpOptions = options
        super().__init__(name, bus, options, limits)
        self.side = "B" if options.side == "left" else "C"
        self._volume = options.syringe.volume_ml
        self._full: int | None = None  # steps after the last fill

    # --- life

    async def prepare(self) -> None:
        """Halt what moves by no command of ours; starts nothing."""
        await self.find()
        if await self.ask("H", lane=Lane.COMMAND) == "Y":
            if self._own.side == "right":
                what = "has one syringe only, and the option side is right"
                raise WrongInstrument(self.name, what)
            self.side = ""  # as the manual writes it
        if self.commanded is None:
            await self.stop()
        position = await self.look(Lane.COMMAND)
        self._full = position if self._full is None else max(self._full, position)

    async def check(self) -> None:
        """Raise DeviceFault on errors, when it is not initialised, or has stopped by itself."""
        for query, what in (("Z", "syringe"), ("G", "valve")):
            if await self.query(query, Lane.POLL) == "Y":
                raise DeviceFault(self.name, f"{what} error (overload, or not initialised)")
        self.require_ready()
        commanded = self.commanded
        if commanded and not await self.moves(Lane.POLL) and commanded == self.commanded:
            raise DeviceFault(self.name, "stopped by itself (syringe empty, or a hand on it)")

    async def make_safe(self) -> None:
        """Stop the plunger, on the trip lane."""
        await self.stop(Lane.TRIP)

    async def _initialise(self, on: bool, lane: Lane) -> bool:
        """Initialise plunger and valve of this side; raise DeviceFault when it ends in an error."""
        if not on:
            raise OutOfRange(self.name, "initialised can only be set to true")
        if self.commanded != 0.0:
            raise CommandRejected(self.name, "may be delivering: stop it first")
        speed = self._own.initialise_s
        await self.carry_out(f"X{'' if speed is None else f'S{speed}'}R", 90.0 + (speed or 0), lane)
        self._full = await self.look(lane)
        self.initialised_now()
        await self.check()
        return True

    # --- where the plunger is

    def _ml(self, steps: int) -> float:
        return steps / STROKE * self._volume

    async def _read_flow(self, lane: Lane) -> float:
        commanded = self.commanded
        if not await self.moves(lane):
            return 0.0
        if not commanded or commanded != self.commanded:  # by no command of ours, or in between
            raise BadValue("fault")
        return commanded

    async def _read_remaining(self, lane: Lane) -> float:
        return self._ml(await self.steps(lane))

    async def _read_dispensed(self, lane: Lane) -> float:
        steps = await self.steps(lane)
        self._full = steps if self._full is None else max(self._full, steps)
        return self._ml(self._full - steps)

    # --- the pump role

    @classmethod
    def limits_by(cls, options: HamiltonPumpOptions) -> Mapping[str, Limits]:
        """Return the flows up to the fastest stroke with this syringe."""
        return {"flow": Limits(0.0, 60.0 * options.syringe.volume_ml / FASTEST_S)}

    @property
    def min_flow_ml_min(self) -> float:
        """Return the flow of the slowest stroke."""
        return self._flow_at(SLOWEST_S)

    @property
    def flow_step_ml_min(self) -> float:
        """Return what one second per stroke makes at the slowest."""
        return self._flow_at(SLOWEST_S - 1) - self._flow_at(SLOWEST_S)

    def rounded_flow(self, ml_min: float) -> float:
        """Return the nearest flow of a whole number of seconds per stroke."""
        return self._flow_at(self._seconds(ml_min))

    def _flow_at(self, seconds: int) -> float:
        return 60.0 * self._volume / seconds

    def _seconds(self, ml_min: float) -> int:
        """Return the seconds per stroke that come nearest, and stay within the limits."""
        exact = 60.0 * self._volume / ml_min
        low, high = int(exact), int(exact) + 1
        fits = [s for s in (low, high) if s and self._flow_at(s) <= self.max_flow_ml_min]
        nearest = min(fits, key=lambda s: abs(self._flow_at(s) - ml_min), default=high)
        return min(max(nearest, FASTEST_S), SLOWEST_S)

    async def _write_flow(self, ml_min: float, lane: Lane) -> float:
        if ml_min == 0:
            await self.stop(lane)
            return 0.0
        seconds = self._seconds(ml_min)
        sent = self._flow_at(seconds)
        if abs(sent - ml_min) > SAME_FLOW * ml_min:
            around = f"{self._flow_at(min(seconds + 1, SLOWEST_S)):.5g}, {sent:.5g}"
            what = f"flow {ml_min:g} mL/min cannot be made (whole seconds per stroke)"
            raise OutOfRange(self.name, f"{what}; near it are {around} mL/min")
        self.require_ready()
        if self.commanded == sent and await self.moves(lane):
            return sent
        if self.commanded != 0.0:
            await self.stop(lane)
        await self._start(seconds, lane)
        self.commanded = sent
        return sent

    async def _start(self, seconds: int, lane: Lane) -> None:
        """Move to 0 through the output; return when the plunger is seen to move."""
        before = await self.look(lane)
        if before == 0:
            raise CommandRejected(self.name, "the syringe is empty: refill it")
        self.commanded = None  # between here and the first step nobody knows
        await self.perform(f"OM0S{seconds}R", lane)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_S
        while await self.look(lane) == before:
            if loop.time() >= deadline:
                raise DeviceFault(self.name, "did not start (not initialised, overloaded?)")
            await asyncio.sleep(LOOK_S)

    # --- the syringe role

    async def refill(self, volume_ml: float, flow_ml_min: float) -> None:
        """Draw this volume through the input; return when done. Cancelling it stops the plunger."""
        self.require_ready()
        before = await self.look(Lane.COMMAND)
        steps = round(volume_ml / self._volume * STROKE)
        if not 0 < steps <= STROKE - before + 1:
            what = f"cannot draw {volume_ml:g} mL, there is room for"
            raise OutOfRange(self.name, f"{what} {self._ml(STROKE - before):.4g} mL")
        self.require_refill_flow(flow_ml_min, self.min_flow_ml_min, self._flow_at(FASTEST_S))
        if self.commanded != 0.0:
            raise CommandRejected(self.name, "may be delivering: stop it first")
        seconds = self._seconds(flow_ml_min)
        steps = min(steps, STROKE - before)
        limit_s = 2 * TURN_S + 1.5 * seconds * steps / STROKE + 10.0
        await self.carry_out(f"IP{steps}S{seconds}OR", limit_s, Lane.COMMAND)
        await self._see_drawn(before + steps)

    async def _see_drawn(self, goal: int) -> None:
        """Take the fill into account; raise DeviceFault when the plunger is elsewhere."""
        self._full = drawn = await self.look(Lane.COMMAND)
        if abs(drawn - goal) > 0.002 * STROKE:
            what = f"refill ended at {self._ml(drawn):.4g} mL instead of {self._ml(goal):.4g} mL"
            raise DeviceFault(self.name, what)
        await self.check()
