"""New Era NE-1000 and NE-500 syringe pumps (manuals 1200-01 and 1200-02).

Line: RS-232, 8N1, factory rate 19200 baud, up to 100 pumps on one line by address, one request
and one reply at a time. Basic mode: text and CR, answered by ``STX aa s data ETX``. Safe mode:
packets with length and CRC-16 both ways, and a watchdog in the pump: silence of ``safe_mode_s``
stops it. The driver takes a pump in either mode and puts it into the configured one; all pumps of
a line should have the same.

Oddities. ``s`` is the status letter, and the only sign of what the pump does. A pending alarm is
answered instead of the next request, which is then not executed: queries are asked again,
commands are faults. Replies do not say what they answer: ``VER`` is the fence. Numbers have four
digits. The unit of the rate cannot change while pumping. The pump runs to a target volume, what is
left in the syringe, rather than endlessly: if everything else fails, it stops before the plunger
hits the end.

Memory wear: all settings but a rate changed while pumping go to non-volatile memory. The driver
writes diameter, direction and units only when they differ, and a stop and start writes rate and
volume: avoid controlling the flow by starting and stopping. Unverified on hardware.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from drivers.again import until_stopped
from drivers.bus import Bus
from drivers.errors import CommandRejected, DeviceFault, NoReply
from drivers.pumps.new_era_wire import (
    ML,
    ML_MIN,
    Alarm,
    NewEraOptions,
    NewEraWire,
    four_digits,
)
from drivers.pumps.role import SyringeOfSignals
from drivers.pumps.syringe import Ledger
from drivers.signal import Lane, Limits
from drivers.table import BadValue, MethodSignal

MAX_CM_MIN, MIN_CM_H = 5.1005, 0.004205  # plunger speeds (manual, specifications)
SAME_SCAN_S = 0.1
REFILL_LOOK_S = 0.5


class NewEraPump(NewEraWire, SyringeOfSignals):
    """Syringe pump; fills the ``SyringePump`` role."""

    flow = MethodSignal(float, "mL/min", read="_read_flow", write="_write_flow")
    dispensed = MethodSignal(float, "mL", read="_read_dispensed", poll_s=5.0)
    remaining = MethodSignal(float, "mL", read="_read_remaining", poll_s=5.0)

    def __init__(
        self, name: str, bus: Bus, options: NewEraOptions, limits: Mapping[str, Limits]
    ) -> None:
        syringe = options.syringe
        super().__init__(name, bus, options, limits)
        self._volume_unit = "UL" if syringe.volume_ml < 10 else "ML"
        self._direction = ""  # not known
        filled = syringe.volume_ml if syringe.filled_ml is None else syringe.filled_ml
        self._ledger = Ledger(filled, syringe.volume_ml)
        self._new = True  # never prepared
        self._commanded = 0.0  # mL/min
        self._counted_at = float("-inf")  # when the counters were last read

    # --- life

    async def prepare(self) -> None:
        """Set mode, watchdog, syringe and units where they differ; moves nothing."""
        self.watching = False
        status = await self.status()  # acknowledges alarms of the past
        await self.set_mode()
        await self.set_diameter(status)
        if status in "SP":
            await self._set_up()
        self._new, self.alarm, self.watching = False, None, True

    async def _set_up(self) -> None:
        """Set what a stopped pump needs before its first run, where it differs."""
        if (await self.query("VOL"))[1][2] != self._volume_unit:
            await self.tell(f"VOL{self._volume_unit}")
        await self._turn("INF")
        with suppress(CommandRejected):  # not every firmware has it
            if (await self.query("PF"))[1][1] == "1":  # would run again when the power is back
                await self.tell("PF0")
        if self._new and self.syringe.filled_ml is not None:
            await self._clear_counters()

    async def _turn(self, direction: str) -> None:
        self._direction = (await self.query("DIR"))[1][1]
        if self._direction != direction:
            await self.tell(f"DIR{direction}")
            self._direction = direction

    async def _clear_counters(self) -> None:
        await self.tell("CLDINF")
        await self.tell("CLDWDR")
        self._ledger.fold()

    async def check(self) -> None:
        """Raise DeviceFault on an alarm, and when the pump has stopped by itself."""
        self.refuse_alarm()
        status = await self.status(Lane.POLL)
        self.refuse_alarm()
        if self._commanded and status != "I":
            raise DeviceFault(
                self.name, f"stopped by itself, status {status} (syringe empty, or a hand on it)"
            )

    async def make_safe(self) -> None:
        """Stop the pump, on the trip lane."""
        await self.stop(Lane.TRIP)

    # --- the pump role

    @classmethod
    def limits_by(cls, options: NewEraOptions) -> Mapping[str, Limits]:
        """Return the flows of a plunger that moves at most at top speed."""
        return {"flow": Limits(0.0, options.syringe.area_cm2 * MAX_CM_MIN)}

    @property
    def min_flow_ml_min(self) -> float:
        """Return the flow of the plunger's lowest speed."""
        return max(self.syringe.area_cm2 * MIN_CM_H / 60.0, self.flow_step_ml_min)

    @property
    def flow_step_ml_min(self) -> float:
        """Return 0.001 uL/min, the last digit of the smallest rates."""
        return 1e-6

    def rounded_flow(self, ml_min: float) -> float:
        """Return the flow in four digits."""
        number, unit = self._rate(ml_min)
        return float(number) * ML_MIN[unit]

    def _rate(self, ml_min: float) -> tuple[str, str]:
        """Return digits and unit of a flow; rounding does not lead over the limit."""
        unit = "UM" if ml_min < 9.9995 else "MM"
        value = ml_min / ML_MIN[unit]
        number = four_digits(value)
        if float(number) * ML_MIN[unit] > self.max_flow_ml_min:
            number = four_digits(value, down=True)
        return number, unit

    async def stop(self, lane: Lane = Lane.COMMAND) -> None:
        """Stop, confirmed by the status letter; harmless twice, so it is sent until confirmed."""
        self._commanded = 0.0
        await until_stopped(self.name, lambda: self._stopped(lane), again_after=(NoReply, Alarm))
        if self.reported:  # a person or a trip has dealt with it
            self.alarm, self.reported = None, False

    async def _stopped(self, lane: Lane) -> bool:
        try:
            return await self._stop_once(lane) == "S"
        except Alarm:
            self.reported = False  # check() will tell
            raise

    async def _stop_once(self, lane: Lane) -> str:
        """Send STP (the first pauses, the second stops); return the status."""
        try:
            status = (await self.tell("STP", lane=lane))[0]
        except CommandRejected:  # not applicable: it may have stopped already
            return await self.status(lane)
        return await self.status(lane) if self.in_doubt else status

    async def _read_flow(self, lane: Lane) -> float:
        status, rate = await self.query("RAT", lane)
        if status == "X":  # purging at a speed it does not tell
            raise BadValue("fault")
        return float(rate[1]) * ML_MIN[rate[2]] if status == "I" else 0.0

    async def _write_flow(self, ml_min: float, lane: Lane) -> float:
        self.refuse_alarm()
        if ml_min == 0:
            await self.stop(lane)
            return 0.0
        number, unit = self._rate(ml_min)
        if (sent := float(number) * ML_MIN[unit]) < self.min_flow_ml_min:
            raise self.flow_refused(ml_min)
        status, rate = await self.query("RAT", lane)
        if status == "I" and rate[2] == unit:
            await self.tell(f"RAT{number}", lane=lane)
        elif status in "ISP":
            await self._start(f"RAT{number}{unit}", stopped=status == "S", lane=lane)
        else:
            raise CommandRejected(self.name, f"is busy (status {status}): stop it first")
        self._commanded = sent
        return sent

    async def _start(self, rate: str, *, stopped: bool, lane: Lane) -> None:
        """Run from standstill, towards what is left in the syringe."""
        if not stopped:
            await self.stop(lane)
        if self._direction != "INF":
            await self._turn("INF")
        left = await self._read_remaining(lane)
        volume = four_digits(left / ML[self._volume_unit], down=True)
        if float(volume) == 0:  # which would mean endless
            what = "the syringe is empty: refill it (option syringe.filled_ml says what is in it)"
            raise CommandRejected(self.name, what)
        await self.tell(rate, lane=lane)
        await self.tell(f"VOL{volume}", lane=lane)
        status = await self.tell("RUN", lane=lane)
        if status != "I":
            raise DeviceFault(self.name, f"did not start, status {status}")

    # --- the syringe role

    async def _read_dispensed(self, lane: Lane) -> float:
        _, volumes = await self.query("DIS", lane)
        scale = ML[volumes[3]]
        self._ledger.update(float(volumes[1]) * scale, float(volumes[2]) * scale)
        self._counted_at = asyncio.get_running_loop().time()
        return self._ledger.dispensed

    async def _read_remaining(self, lane: Lane) -> float:
        age = asyncio.get_running_loop().time() - self._counted_at
        if lane is not Lane.POLL or age > SAME_SCAN_S:  # else the same answer told both
            await self._read_dispensed(lane)
        return self._ledger.remaining

    async def refill(self, volume_ml: float, flow_ml_min: float) -> None:
        """Withdraw this volume; return when done. Cancelling it stops the pump."""
        self.refuse_alarm()
        await self._check_refill(volume_ml, flow_ml_min)
        number, unit = self._rate(flow_ml_min)
        volume = four_digits(volume_ml / ML[self._volume_unit], down=True)
        await self._clear_counters()
        await self._turn("WDR")
        await self.tell(f"RAT{number}{unit}")
        await self.tell(f"VOL{volume}")
        try:
            await self._withdraw(volume_ml, 90.0 * volume_ml / flow_ml_min + 10.0)
        except BaseException:  # cancelled, tripped or failed: it must not go on by itself
            await self.stop()
            raise
        await self._turn("INF")
        self._ledger.since_fill = -self._ledger.infused
        await self._clear_counters()

    async def _check_refill(self, volume_ml: float, flow_ml_min: float) -> None:
        self.require_room(volume_ml, self.capacity_ml - await self.remaining_ml())
        high = self.syringe.area_cm2 * MAX_CM_MIN
        self.require_refill_flow(flow_ml_min, self.min_flow_ml_min, high)
        if (status := await self.status()) != "S":
            raise CommandRejected(self.name, f"cannot refill in status {status}: stop it first")

    async def _withdraw(self, volume_ml: float, limit_s: float) -> None:
        """Run, and wait until the pump stops at its target volume."""
        if (status := await self.tell("RUN")) != "W":
            raise DeviceFault(self.name, f"does not withdraw, status {status}")
        try:
            async with asyncio.timeout(limit_s):
                while await self.status() == "W":  # noqa: ASYNC110 - the pump only tells when asked
                    await asyncio.sleep(REFILL_LOOK_S)
        except TimeoutError:
            raise DeviceFault(self.name, f"refill was not done within {limit_s:.0f} s") from None
        self.refuse_alarm()
        await self._read_dispensed(Lane.COMMAND)
        if self._ledger.withdrawn < 0.98 * volume_ml - 1e-3:
            drawn = self._ledger.withdrawn
            raise DeviceFault(self.name, f"refill ended after {drawn:.4g} of {volume_ml:g} mL")
