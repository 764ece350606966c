"""Cavro XCalibur, XP 3000 and XLP 6000, TriContinent C3000: syringe pumps with a valve.

Cavro XP 3000 and XLP 6000 manuals. Line: RS-232 or two-wire RS-485, 8N1, 9600 or 38400 baud, up to
15 pumps by their address switch; OEM framing (checksum, repeat bit), or DT framing without either,
where a flipped bit can go unnoticed. :mod:`drivers.pumps.cavro_wire` tells how it speaks.

Volume is geometry: increments of ``syringe.volume_ml``, the volume of a full stroke of ``stroke``
increments. Flow is a dispense at a speed in whole half-steps/s, two to a coarse increment, between
``lowest_speed`` and ``highest_speed``: a 5 mL syringe on a stroke of 3000 does 0.25 to 290 mL/min
in steps of 0.05. That is coarse: choose the syringe small, and have it refilled often.

A move ends at the end of the stroke by nature: if the daemon dies, the pump delivers what is in the
syringe and stands; it has no watchdog, and ``taylord safe`` must stop it before. A refill turns the
valve to its input, draws, and turns it to the output, in one string that the pump executes.

Initialising is a deliberate act. After power-up and after an overload (errors 9, 10) the pump does
not know where its plunger is, and moves nothing. Setting the signal ``initialised`` to true (over
MQTT: ``set`` with ``{"signal": "pump-a.initialised", "value": true}``) drives the plunger to its
end with the valve at the output, **which pushes out all that is in the syringe**. Connecting never
does that; ``check`` says so, and volumes are bad readings until then. With ``initialise =
"on-refill"`` a pump that lost its plunger counts as empty, and its next refill initialises it
first: for rigs that may run on unattended after a power cut, where a syringeful through the output
at full speed does no harm.

Oddities. Errors may show only in the next status, so every move is followed by ``Q``. The pump
tells neither direction nor flow: the driver remembers what it told, and a pump that moves of its
own accord when it is connected is stopped. Half-steps per increment, the speed range and the
position told during a move are not settled by a manual read here. Unverified on hardware.
"""

import asyncio
from collections.abc import Mapping
from math import floor

from drivers.bus import Bus
from drivers.errors import CommandRejected, DeviceFault, NotReady, OutOfRange
from drivers.pumps.cavro_plunger import VALVE_S, CavroPlunger
from drivers.pumps.cavro_protocol import FAULTS, LOST, NOT_INITIALISED, CavroOptions, Status
from drivers.pumps.role import SyringeOfSignals
from drivers.signal import Lane, Limits
from drivers.table import BadValue, MethodSignal

SAME_SCAN_S = 0.1


def _ml_min_per_speed(options: CavroOptions) -> float:
    """Return the flow of one half-step/s."""
    return 60.0 * options.syringe.volume_ml / (2 * options.stroke)


class CavroPump(CavroPlunger, SyringeOfSignals):
    """Syringe pump with a valve; fills the ``SyringePump`` role."""

    flow = MethodSignal(float, "mL/min", read="_read_flow", write="_write_flow")
    dispensed = MethodSignal(float, "mL", read="_read_dispensed", poll_s=5.0)
    remaining = MethodSignal(float, "mL", read="_read_remaining", poll_s=5.0)
    initialised = MethodSignal(
        bool,
        read="_read_initialised",
        write="_write_initialised",
        poll_s=5.0,
        doc="whether the pump knows its plunger; set it true to initialise (empties the syringe)",
    )

    def __init__(
        self, name: str, bus: Bus, options: CavroOptions, limits: Mapping[str, Limits]
    ) -> None:
        self._per_speed = _ml_min_per_speed(options)  # mL/min per half-step/s
        super().__init__(name, bus, options, limits)
        self._ml = options.syringe.volume_ml / self.full  # of an increment
        self._has_valve = options.valve != "none"
        self._placed, self._placed_at = 0, float("-inf")  # position of the last poll, and when

    # --- life

    async def prepare(self) -> None:
        """Stop a pump that moves of its own accord; set the increments. Moves nothing."""
        status = await self.look()
        if not status.ready and self.doing != "dispense":
            await self.stop()
        if status.code in LOST:
            return
        if self.options.fine and status.ready:
            await self.tell("N1R")
        if self.filled_at is None:
            self.filled_at = await self.position()

    async def check(self) -> None:
        """Raise DeviceFault on an error, on a lost plunger, and when it has stopped by itself."""
        commanded = self.commanded
        status = await self.look(Lane.POLL)
        waits = self.options.initialise == "on-refill" and not self.commanded
        if status.code == NOT_INITIALISED and not waits:
            what = f"has lost its plunger's position (power-up): {self.how_to_initialise()}"
            raise NotReady(self.name, what)
        if status.code in FAULTS:
            raise self.error(status.code)
        if commanded and commanded == self.commanded and status.ready:  # no command in between
            raise DeviceFault(self.name, "stopped by itself (syringe empty, or a power cut)")

    async def make_safe(self) -> None:
        """Stop the pump, on the trip lane."""
        await self.stop(Lane.TRIP)

    # --- initialising

    async def _read_initialised(self, lane: Lane) -> bool:
        return (await self.look(lane)).code not in LOST

    async def _write_initialised(self, value: object, lane: Lane) -> bool:
        if not value:
            raise OutOfRange(self.name, "initialised can only be set to true")
        del lane  # it takes many exchanges, none of them urgent
        await self.initialise()
        return True

    # --- the pump role

    @classmethod
    def limits_by(cls, options: CavroOptions) -> Mapping[str, Limits]:
        """Return the flows up to the top speed with this syringe."""
        return {"flow": Limits(0.0, options.highest_speed * _ml_min_per_speed(options))}

    @property
    def min_flow_ml_min(self) -> float:
        """Return the flow of the lowest speed."""
        return self.options.lowest_speed * self._per_speed

    @property
    def flow_step_ml_min(self) -> float:
        """Return the flow of one half-step/s."""
        return self._per_speed

    def rounded_flow(self, ml_min: float) -> float:
        """Return the flow of the nearest whole speed."""
        return self._speed(ml_min) * self._per_speed

    def _speed(self, ml_min: float) -> int:
        """Return the speed for a flow; rounding does not lead over the limit."""
        speed = round(ml_min / self._per_speed)
        over = speed * self._per_speed > self.max_flow_ml_min * (1 + 1e-9)
        return speed - 1 if over else speed

    async def _read_flow(self, lane: Lane) -> float:
        if (await self.look(lane)).ready or self.doing == "refill":
            return 0.0
        if self.doing != "dispense":  # it moves, and how is not known
            raise BadValue("fault")
        return await self.number("?2", lane) * self._per_speed

    async def _write_flow(self, ml_min: float, lane: Lane) -> float:
        if ml_min == 0:
            await self.stop(lane)
            return 0.0
        speed = self._speed(ml_min)
        if speed < self.options.lowest_speed:
            raise self.flow_refused(ml_min)
        status = await self.look(lane)
        if status.ready:
            await self._start(speed, status, lane)
        elif self.doing == "dispense":
            await self.tell(f"V{speed}R", lane=lane)
            self.commanded = speed * self._per_speed
        else:
            raise CommandRejected(self.name, "is busy (refill, initialisation): stop it first")
        return speed * self._per_speed

    async def _start(self, speed: int, status: Status, lane: Lane) -> None:
        """Dispense from standstill, towards the end of the stroke."""
        if status.code in LOST:
            raise self.error(status.code)
        if await self.position(lane) == 0:
            raise CommandRejected(self.name, "the syringe is empty: refill it")
        self.doing, self.late_error = "dispense", 0
        await self.tell(f"V{speed}{'O' if self._has_valve else ''}A0R", lane=lane)  # V is at once
        self.commanded = speed * self._per_speed
        status = await self.look(lane)
        if code := self.late_error or status.code:
            raise self.error(code, "did not start: ")

    # --- the syringe role

    async def dispensed_ml(self) -> float:
        """Return the volume dispensed since the last fill."""
        position = await self.position()
        if self.filled_at is None:
            self.filled_at = position
        return max(0, self.filled_at - position) * self._ml

    async def remaining_ml(self) -> float:
        """Return what is in the syringe; nothing, where a lost plunger waits for its refill."""
        if self.options.initialise == "on-refill" and (await self.look()).code in LOST:
            return 0.0
        return await self.position() * self._ml

    async def _read_dispensed(self, lane: Lane) -> float:
        return max(0, (self.filled_at or 0) - await self._place(lane)) * self._ml

    async def _read_remaining(self, lane: Lane) -> float:
        return await self._place(lane) * self._ml

    async def _place(self, lane: Lane) -> int:
        """Return the position for a reading; a plunger that is lost gives a bad one."""
        now = asyncio.get_running_loop().time
        if lane is Lane.POLL and now() - self._placed_at < SAME_SCAN_S:
            return self._placed  # the same answer tells what is gone and what is left
        try:
            self._placed = await self.position(lane)
        except (CommandRejected, DeviceFault):
            raise BadValue("fault") from None
        self._placed_at = now()
        return self._placed

    async def refill(self, volume_ml: float, flow_ml_min: float) -> None:
        """Draw this volume through the input; return when done. Cancelling it stops the pump."""
        status = await self.look()
        if status.code in LOST and self.options.initialise == "on-refill":
            await self.initialise()
            status = await self.look()
        if not status.ready:
            raise CommandRejected(self.name, "cannot refill while it moves: stop it first")
        if status.code:
            raise self.error(status.code)
        start = await self.position()
        increments = self._increments(volume_ml, start)
        speed = self._refill_speed(flow_ml_min)
        to_input, to_output = ("I", "O") if self._has_valve else ("", "")
        seconds = 63.0 * volume_ml / (speed * self._per_speed) + VALVE_S
        goal = start + increments  # an absolute move cannot add up to more than the stroke
        await self.move(f"V{speed}{to_input}A{goal}{to_output}R", "refill", seconds)
        reached = self.filled_at = await self.position()
        if reached < start + 0.98 * increments - 1:
            drawn = (reached - start) * self._ml
            raise DeviceFault(self.name, f"refill ended after {drawn:.4g} of {volume_ml:g} mL")

    def _increments(self, volume_ml: float, start: int) -> int:
        """Return the increments of a volume to draw; raise OutOfRange unless there is room."""
        room = self.full - start
        increments = min(round(volume_ml / self._ml), room)
        self.require_room(volume_ml if increments > 0 else 0.0, room * self._ml)
        return increments

    def _refill_speed(self, ml_min: float) -> int:
        speed = floor(ml_min / self._per_speed + 1e-6)
        low, high = self.options.lowest_speed, self.options.highest_speed
        if not low <= speed <= high:
            self.require_refill_flow(ml_min, low * self._per_speed, high * self._per_speed)
        return speed
