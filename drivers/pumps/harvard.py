"""Harvard Apparatus Pump 11 Elite, Pico Plus and PHD Ultra, KD Scientific Legato syringe pumps.

Pump 11 Elite manual 5420-002 Rev C and KD Legato 100/200 manuals; the PHD Ultra is said to share
their commands. Line: USB or RS-232/RS-485 chain, 8N1, usual rate 115200 baud (``baud_rate`` where
the pump is set otherwise), addresses 0 to 99 on one line. :mod:`drivers.pumps.harvard_wire` tells
how it speaks.

Oddities. Connecting opens the session (a touch of the screen ends it), switches to poll mode, and
sets syringe diameter and force limit where they differ; a pump that runs is left as it is. The
pump must be in its Quick Start mode. It chooses the unit of every number it tells. It runs to a
target volume, what is left in the syringe, rather than endlessly: it has no watchdog, so if the
daemon dies it goes on until the syringe is empty at the latest, and ``taylord safe`` must stop it
before. A refill withdraws through check valves; the driver stops a withdrawal that does not end in
time by itself, because no manual says that the target volume holds in both directions.

Memory wear: writes go to non-volatile memory; the driver says ``nvram off``. Firmware before 3 is
said to lack ``cvolume``: such a pump refuses to start. Unverified on hardware.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from drivers.again import until_stopped
from drivers.bus import Bus
from drivers.errors import CommandRejected, DeviceFault, NoReply, ReadbackMismatch
from drivers.pumps.harvard_wire import (
    LITRE,
    HarvardOptions,
    HarvardWire,
    State,
    rate_ml_min,
    significant,
)
from drivers.pumps.role import SyringeOfSignals
from drivers.pumps.syringe import Ledger
from drivers.signal import Lane, Limits
from drivers.table import MethodSignal

SAME_SCAN_S = 0.1
REFILL_LOOK_S = 0.5
EMPTY = 2e-4  # of the syringe: what the rounding of volumes may leave
NEAR = 2e-3  # of a value: what the pump's own rounding may make of it


class HarvardPump(HarvardWire, SyringeOfSignals):
    """Syringe pump; fills the ``SyringePump`` role."""

    flow = MethodSignal(float, "mL/min", read="_read_flow", write="_write_flow")
    dispensed = MethodSignal(float, "mL", read="_read_dispensed", poll_s=5.0)
    remaining = MethodSignal(float, "mL", read="_read_remaining", poll_s=5.0)

    def __init__(
        self, name: str, bus: Bus, options: HarvardOptions, limits: Mapping[str, Limits]
    ) -> None:
        super().__init__(name, bus, options, limits)
        self.syringe = options.syringe
        filled = self.syringe.filled_ml
        self._ledger = Ledger(
            self.capacity_ml if filled is None else filled, self.syringe.volume_ml
        )
        self._reach: Limits | None = None  # flows of this pump with this syringe, mL/min
        self._new = True  # never prepared
        self._commanded = 0.0  # mL/min
        self._counted_at = float("-inf")  # when the counters were last read

    # --- life

    async def prepare(self) -> None:
        """Set syringe and force limit where they differ, read the limits; moves nothing."""
        state = await self.state()
        with suppress(CommandRejected):  # not every firmware has it
            await self.tell("nvram off")
        await self._set_number("diameter", self.syringe.diameter_mm, state)
        if (force := self.options.force_percent) is not None:
            await self._set_number("force", force, state)
        limits = (await self.query("irate lim"))[1].groups()
        self._reach = Limits(rate_ml_min(*limits[:3]), rate_ml_min(*limits[3:]))
        if self._new and self.syringe.filled_ml is not None and not state.moving:
            await self._clear_counters()
        self._new = False

    async def _set_number(self, name: str, wanted: float, state: State) -> None:
        """Set a number where it differs; that needs a pump that stands."""
        if self._near(await self._number(name), wanted):
            return
        if state.moving:
            raise DeviceFault(self.name, f"is running with a {name} other than {wanted:g}")
        await self.tell(f"{name} {wanted:g}")
        if not self._near(got := await self._number(name), wanted):
            what = f"{name} was set to {wanted:g}, reads back {got:g}"
            raise ReadbackMismatch(self.name, what)

    async def _number(self, name: str) -> float:
        return float((await self.query(name))[1][1])

    async def check(self) -> None:
        """Raise DeviceFault on a stall, and when the pump has stopped by itself."""
        commanded = self._commanded
        state = await self.state(Lane.POLL)
        if state.stalled:
            raise DeviceFault(self.name, "stalled (pressure, blockage, end of the travel)")
        if commanded and commanded == self._commanded and not state.infusing:
            raise DeviceFault(
                self.name,
                f"stopped by itself, prompt {state.prompt} (syringe empty, or a hand on it)",
            )

    async def make_safe(self) -> None:
        """Stop the pump, on the trip lane."""
        await self.stop(Lane.TRIP)

    # --- the pump role

    @property
    def max_flow_ml_min(self) -> float:
        """Return the largest flow of this syringe within the limits, once the pump has told it."""
        return self.flow.high if self._reach is None else min(self.flow.high, self._reach.high)

    @property
    def min_flow_ml_min(self) -> float:
        """Return the smallest flow that the pump has told."""
        return self.flow_step_ml_min if self._reach is None else self._reach.low

    @property
    def flow_step_ml_min(self) -> float:
        """Return 0.001 nL/min, the last of five digits of the smallest rates."""
        return 1e-9

    def rounded_flow(self, ml_min: float) -> float:
        """Return the flow in five digits."""
        number, unit = self._rate(ml_min)
        return float(number) * LITRE[unit]

    def _rate(self, ml_min: float) -> tuple[str, str]:
        """Return digits and unit of a flow; rounding does not lead over the limit."""
        if ml_min <= 0:
            return "0", "m"
        unit = next((unit for unit in "mun" if ml_min >= LITRE[unit]), "p")
        number = significant(ml_min / LITRE[unit])
        if float(number) * LITRE[unit] > self.max_flow_ml_min:
            number = significant(ml_min / LITRE[unit], down=True)
        return number, unit

    async def stop(self, lane: Lane = Lane.COMMAND) -> None:
        """Stop, confirmed by the prompt; harmless twice, so it is sent until confirmed."""
        self._commanded = 0.0
        await until_stopped(self.name, lambda: self._stopped(lane))

    async def _stopped(self, lane: Lane) -> bool:
        try:
            return await self._stop_once(lane) not in ("<", ">")
        except NoReply:
            await self.open_session(lane)  # it may be deaf, or have been switched off and on
            raise

    async def _stop_once(self, lane: Lane) -> str:
        """Send ``stop``; return the prompt."""
        with suppress(CommandRejected):  # it may stand already
            prompt = await self.tell("stop", lane=lane)
            if not self.in_doubt:
                return prompt
        return (await self.state(lane)).prompt

    async def _read_flow(self, lane: Lane) -> float:
        state = await self.state(lane)
        return state.flow_ml_min if state.infusing else 0.0

    async def _write_flow(self, ml_min: float, lane: Lane) -> float:
        if ml_min == 0:
            await self.stop(lane)
            return 0.0
        number, unit = self._rate(ml_min)
        sent = float(number) * LITRE[unit]
        if not self.min_flow_ml_min <= sent <= self.max_flow_ml_min:
            raise self.flow_refused(ml_min)
        state = await self.state(lane)
        if state.stalled and self._commanded:
            raise DeviceFault(self.name, "stalled: stop it before it is started again")
        if state.infusing:
            await self._change(f"irate {number} {unit}/m", sent, lane)
        elif state.moving:
            raise CommandRejected(self.name, "is withdrawing: stop it first")
        else:
            await self._start(f"irate {number} {unit}/m", sent, lane)
        self.flow.tolerance = NEAR * sent
        return sent

    async def _change(self, command: str, ml_min: float, lane: Lane) -> None:
        """Change the rate of a running pump; one that refuses is stopped and started."""
        try:
            await self.tell(command, lane=lane)
            self._commanded = ml_min
        except CommandRejected:
            await self.stop(lane)
            await self._start(command, ml_min, lane)

    async def _start(self, command: str, ml_min: float, lane: Lane) -> None:
        """Run from standstill, towards what is left in the syringe."""
        left = await self._read_remaining(Lane.COMMAND)
        if left <= EMPTY * self.capacity_ml:
            what = "the syringe is empty: refill it (option syringe.filled_ml says what is in it)"
            raise CommandRejected(self.name, what)
        await self._clear_counters()
        await self.tell(command, lane=lane)
        await self._set_target(left)
        self._commanded = ml_min
        prompt = await self.tell("irun", lane=lane)
        if prompt != ">":
            raise DeviceFault(self.name, f"did not start, prompt {prompt}")

    async def _set_target(self, ml: float) -> None:
        """Set the volume to stop after, never more than asked for."""
        unit = "m" if ml >= 1.0 else "u"
        await self.tell(f"tvolume {significant(ml / LITRE[unit], down=True)} {unit}")
        if not self._near(got := await self.volume("tvolume"), ml):
            what = f"target volume was set to {ml:g} mL, reads back {got:g} mL"
            raise ReadbackMismatch(self.name, what)

    @staticmethod
    def _near(got: float, wanted: float) -> bool:
        return abs(got - wanted) <= NEAR * abs(wanted)

    # --- the syringe role

    async def _read_dispensed(self, lane: Lane) -> float:
        infused = await self.volume("ivolume", lane)
        withdrawn = 0.0 if self.options.infuse_only else await self.volume("wvolume", lane)
        self._ledger.update(infused, withdrawn)
        self._counted_at = asyncio.get_running_loop().time()
        return self._ledger.dispensed

    async def _read_remaining(self, lane: Lane) -> float:
        age = asyncio.get_running_loop().time() - self._counted_at
        if lane is not Lane.POLL or age > SAME_SCAN_S:  # else the same answers told both
            await self._read_dispensed(lane)
        return self._ledger.remaining

    async def _clear_counters(self) -> None:
        """Begin to count anew; what was just read is kept by the ledger."""
        await self.tell("civolume" if self.options.infuse_only else "cvolume")
        self._ledger.fold()

    async def refill(self, volume_ml: float, flow_ml_min: float) -> None:
        """Withdraw this volume; return when done. Cancelling it stops the pump."""
        await self._check_refill(volume_ml, flow_ml_min)
        number, unit = self._rate(flow_ml_min)
        await self._clear_counters()
        await self.tell(f"wrate {number} {unit}/m")
        if not self._near(got := await self.rate("wrate"), flow_ml_min):
            what = f"wrate was set to {flow_ml_min:g} mL/min, reads back {got:g} mL/min"
            raise ReadbackMismatch(self.name, what)
        await self._set_target(volume_ml)
        try:
            await self._withdraw(volume_ml, 63.0 * volume_ml / flow_ml_min + 5.0)
        except BaseException:  # cancelled, tripped or failed: it must not go on by itself
            await self.stop()
            raise
        await self._clear_counters()
        self._ledger.since_fill = 0.0

    async def _check_refill(self, volume_ml: float, flow_ml_min: float) -> None:
        if self.options.infuse_only:
            raise CommandRejected(self.name, "cannot refill: this model only infuses")
        state = await self.state()
        if state.moving or state.stalled:
            what = f"cannot refill at prompt {state.prompt}: stop it first"
            raise CommandRejected(self.name, what)
        self.require_room(volume_ml, self.capacity_ml - await self.remaining_ml())
        low, high = self.min_flow_ml_min, self.max_flow_ml_min  # the same in both directions
        self.require_refill_flow(flow_ml_min, low, high)

    async def _withdraw(self, volume_ml: float, limit_s: float) -> None:
        """Run, and wait until the pump stops at its target volume."""
        if (prompt := await self.tell("wrun")) != "<":
            raise DeviceFault(self.name, f"does not withdraw, prompt {prompt}")
        try:
            async with asyncio.timeout(limit_s):
                while (state := await self.state()).moving:  # noqa: ASYNC110 - the pump only tells when asked
                    await asyncio.sleep(REFILL_LOOK_S)
        except TimeoutError:
            raise DeviceFault(self.name, f"refill was not done within {limit_s:.0f} s") from None
        if state.stalled:
            raise DeviceFault(self.name, "stalled while it was refilled")
        await self._read_dispensed(Lane.COMMAND)
        drawn = self._ledger.withdrawn
        if drawn < 0.98 * volume_ml - 1e-3:
            raise DeviceFault(self.name, f"refill ended after {drawn:.4g} of {volume_ml:g} mL")
