"""Ismatec Reglo ICC and Reglo Digital peristaltic pumps (manual 14-036, protocol chapter).

Line: RS-232 or USB serial, 9600 baud 8N1. Requests are a digit, a command and CR. The digit is the
pump's address; of a pump with several channels (option ``channel``, one instrument each, on the
same port) it is the channel, in the channel-addressing mode that the driver switches on. Set
commands are answered by one character without an end, get commands by a line; nothing says what is
answered, and :mod:`drivers.pumps.ismatec_wire` tells how late replies are kept apart.

Oddities. The flow is what the tube's calibration makes of the speed: a wrong tube setting gives a
wrong flow. Where the firmware tells its tube and its largest flow (queries ``+`` and ``?``, known
from an independent implementation), the option ``tube_mm`` is compared and the flow bounded;
otherwise the options are all there is, and the pump refuses what it cannot do. Whether a new flow
is answered by its value or by ``*`` depends on the firmware; it is read back in any case.

A channel found turning at connect is left turning. Its flow is a bad reading until it is known to
turn the right way, in the mode of a set flow. The pump has no watchdog and no alarms; one that has
stopped by itself had a power cut or a hand on it. One that has forgotten its addressing mode is
taken for disconnected, so that it is prepared anew.
Unverified on hardware.
"""

from collections.abc import Mapping
from contextlib import suppress
from math import inf

from drivers.again import until_stopped
from drivers.bus import Bus
from drivers.errors import (
    CommandRejected,
    DeviceFault,
    InstrumentError,
    NoReply,
    NotConnected,
    ReadbackMismatch,
)
from drivers.pumps.ismatec_wire import (
    DONE,
    RegloOptions,
    RegloWire,
    mantissa_exponent,
    number,
)
from drivers.pumps.role import PumpOfSignals
from drivers.signal import Lane, Limits
from drivers.table import BadValue, MethodSignal

FLOW_MODE = "M"
LARGEST_ML_MIN = 1000.0  # no tube of these pumps gives more
SAME_TUBE = 0.02  # relative difference of diameters that are the same
ROUNDED = 0.005  # and of a flow that the pump has rounded to its speed


class RegloPump(RegloWire, PumpOfSignals):
    """One channel of a peristaltic pump; fills the ``Pump`` role."""

    flow = MethodSignal(
        float, "mL/min", read="_read_flow", write="_write_flow", limits=(0.0, LARGEST_ML_MIN)
    )

    def __init__(
        self, name: str, bus: Bus, options: RegloOptions, limits: Mapping[str, Limits]
    ) -> None:
        self._own = options
        super().__init__(name, bus, options, limits)
        self._forward = "J" if options.clockwise else "K"
        self._told_max = inf  # largest flow, as the pump tells it
        self._aligned = False  # it turns forward and in flow mode, by our doing
        self._commanded = 0.0  # mL/min

    # --- life

    async def prepare(self) -> None:
        """Address channels, silence events, look at tube and flow; align what stands still."""
        await self.address_channels()
        events = await self.query("xE")
        if events is not None and events[0] == "1":
            await self.tell("xE0")
        await self._compare_tube()
        largest = await self.query("?")
        self._told_max = float(largest[1]) if largest is not None else inf
        if await self.running():
            self._aligned = self._aligned or await self._found_aligned()
        else:
            await self._align()

    async def _compare_tube(self) -> None:
        """Raise DeviceFault when the pump is calibrated for another tube."""
        wanted = self._own.tube_mm
        if wanted is None or (told := await self.query("+")) is None:
            return
        if abs((found := float(told[1])) - wanted) > SAME_TUBE * wanted:
            raise DeviceFault(
                self.name,
                f"is calibrated for a tube of {found:g} mm, not the {wanted:g} mm configured:"
                " its flows would be wrong (set the tube at the pump, or the option tube_mm)",
            )

    async def _found_aligned(self) -> bool:
        """Return whether a running channel turns forward, in flow mode."""
        mode = await self.ask("xM", lane=Lane.COMMAND)
        return mode == FLOW_MODE and await self._turns(Lane.COMMAND) == self._forward

    async def _align(self, lane: Lane = Lane.COMMAND) -> None:
        """Put a channel that stands still into flow mode, forward; moves nothing."""
        self._aligned = False
        if await self.ask("xM", lane=lane) != FLOW_MODE:
            await self.tell(FLOW_MODE, lane=lane)
        if await self._turns(lane) != self._forward:
            await self.tell(self._forward, lane=lane)
        self._aligned = True

    async def _turns(self, lane: Lane) -> str:
        """Return the direction, or an empty text when it cannot be told."""
        with suppress(BadValue):
            return await self.direction(lane)
        return ""

    async def check(self) -> None:
        """Raise DeviceFault when the channel has stopped by itself, or turns the wrong way.

        Raises NotConnected when the pump has lost its settings: it must be prepared anew.
        """
        await self.require_addressing(Lane.POLL, anew=True)
        if not self._commanded:
            await self.running(Lane.POLL)  # it answers
            return
        commanded = self._commanded
        if not await self.running(Lane.POLL) and commanded == self._commanded:
            raise DeviceFault(self.name, "stopped by itself (a power cut, or a hand on it)")
        if await self._turns(Lane.POLL) not in ("", self._forward):
            self._aligned = False
            raise DeviceFault(self.name, "turns the wrong way (a hand on it)")

    async def make_safe(self) -> None:
        """Stop the channel, on the trip lane."""
        await self.stop(Lane.TRIP)

    # --- the pump role

    @classmethod
    def limits_by(cls, options: RegloOptions) -> Mapping[str, Limits]:
        """Return the flows of the tube, where the options say them."""
        return {"flow": Limits(0.0, options.max_flow_ml_min or LARGEST_ML_MIN)}

    @property
    def max_flow_ml_min(self) -> float:
        """Return the largest flow of the tube within the limits."""
        return min(self.flow.high, self._told_max)

    @property
    def min_flow_ml_min(self) -> float:
        """Return the smallest flow, as the options say."""
        return self._own.min_flow_ml_min

    @property
    def flow_step_ml_min(self) -> float:
        """Return the last of the four digits of the smallest flow."""
        return self._own.min_flow_ml_min / 1000

    def rounded_flow(self, ml_min: float) -> float:
        """Return the flow in four digits."""
        return self._wire(ml_min)[1] if ml_min else 0.0

    def _wire(self, ml_min: float) -> tuple[str, float]:
        """Return a flow as it is sent, and its value; rounding does not lead over the limit."""
        text, value = mantissa_exponent(ml_min)
        return (
            (text, value) if value <= self.max_flow_ml_min else mantissa_exponent(ml_min, down=True)
        )

    async def stop(self, lane: Lane = Lane.COMMAND) -> None:
        """Stop, confirmed by asking; harmless twice, so it is sent again when an answer is lost."""
        self._commanded = 0.0
        await until_stopped(self.name, lambda: self._stopped(lane))

    async def _stopped(self, lane: Lane) -> bool:
        try:
            await self.tell("I", lane=lane)
        except CommandRejected:  # it may stand already: the question tells
            pass
        except (NoReply, NotConnected):  # the digit may mean no channel any more
            await self.address_channels(lane)
            await self.tell("I", lane=lane)
        return not await self.running(lane)

    async def _read_flow(self, lane: Lane) -> float:
        if not await self.running(lane):
            return 0.0
        if not self._aligned or await self.ask("xM", lane=lane) != FLOW_MODE:
            raise BadValue("fault")  # turns as its flow setting does not say
        return number(await self.ask("f", lane=lane))

    async def _write_flow(self, ml_min: float, lane: Lane) -> float:
        if ml_min == 0:
            await self.stop(lane)
            return 0.0
        low = self.min_flow_ml_min
        if ml_min > self.max_flow_ml_min or (ml_min < low and self.rounded_flow(ml_min) < low):
            raise self.flow_refused(ml_min)
        await self.require_addressing(lane, anew=True)
        sent = await self._turn_at(ml_min, lane)
        self._commanded = sent
        return sent

    async def _turn_at(self, ml_min: float, lane: Lane) -> float:
        """Set the flow and turn, from standstill if it is not known to turn as it should."""
        turning = await self.running(lane)
        if turning and not self._aligned:
            await self.stop(lane)
            turning = False
        if not turning:
            await self._align(lane)
        text, sent = self._wire(ml_min)
        try:
            answer = await self.tell(f"f{text}", lane=lane)
            taken = sent if answer == DONE else self._accepted(number(answer), sent)
            if not turning:
                await self.tell("H", lane=lane)
        except CommandRejected as error:
            raise await self._told_why(error, lane) from None
        return taken

    def _accepted(self, answered: float, sent: float) -> float:
        """Return the flow as the pump says it took it; raise when it is another."""
        if abs(answered - sent) > ROUNDED * sent:
            what = f"flow was set to {sent:g} mL/min, the pump answers {answered:g}"
            raise ReadbackMismatch(self.name, what)
        return answered

    async def _told_why(self, error: CommandRejected, lane: Lane) -> InstrumentError:
        """Return the refusal with the reason the pump gives, if it gives one."""
        try:
            reason = await self.query("xe", lane)
        except NoReply:
            return error
        if reason is None:
            return error
        return CommandRejected(self.name, f"{error.what} (reason and limit: {reason[0]})")
