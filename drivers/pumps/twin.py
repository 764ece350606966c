"""Twin syringe pumps: two of one make on one line, one delivering while the other refills.

Options: ``of`` names the driver of both, ``first`` and ``second`` are its options for each (they
differ by their address), ``refill_flow`` is mL/min. To the rig the twin is one pump that draws from
the bottle: it fills the ``Pump`` role and needs no refills by the executor.

    [instruments.pump-a]
    driver = "twin-pumps"
    port = "/dev/serial/by-id/usb-FTDI_pumps-if00-port0"
    of = "harvard-pump11-elite"
    first = { address = 0, syringe = { diameter_mm = 14.5, volume_ml = 10.0 } }
    second = { address = 1, syringe = { diameter_mm = 14.5, volume_ml = 10.0 } }
    refill_flow = 5.0

The hand-over: when what is left in the one that delivers lasts ``lead_s`` no more, the other is
started, and then the first is stopped. Both deliver for the few exchanges between; that is the
overlap, a tenth of a second or so. It is done while the rig polls the flow: a daemon that is dead
hands nothing over, and the pump that delivers ends with its syringe. A hand-over or a refill that
fails is not tried again: ``check`` says so until the twin is stopped. Unverified on hardware.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, cast

from pydantic import Field, model_validator

from drivers.bus import Bus
from drivers.codec import LineCodec
from drivers.errors import CommandRejected, DeviceFault, InstrumentError, OutOfRange
from drivers.options import DriverOptions, SerialOptions
from drivers.pumps.role import PumpOfSignals
from drivers.registry import driver_class
from drivers.roles import SyringePump
from drivers.signal import Lane, Limits, Reading
from drivers.table import BadValue, MethodSignal
from drivers.transport.base import LineSpec

FULL = 0.98  # of a syringe: not filled any further
FASTER = 0.8  # of the refill's flow: the most that is delivered, so that the other is full in time
DAWDLE_S = 5.0  # how long a task that is cancelled may take


class TwinOptions(SerialOptions):
    """Options of a pair of syringe pumps."""

    of: str
    first: dict[str, Any]
    second: dict[str, Any]
    refill_flow: Annotated[float, Field(gt=0)]  # mL/min
    lead_s: Annotated[float, Field(ge=2, le=600)] = 5.0  # longer than two polls of the flow

    @model_validator(mode="after")
    def _members_fit(self) -> "TwinOptions":
        first, second = self.members()
        place = [getattr(options, "address", None) for options in (first, second)]
        if place[0] == place[1]:
            raise ValueError("first and second need different addresses")
        if first.line(self.driver.line) != second.line(self.driver.line):
            raise ValueError("first and second need the same line settings")
        if not callable(getattr(self.driver, "refill", None)):
            raise ValueError(f"of: {self.of!r} is no pump that refills")  # noqa: TRY004 - pydantic
        for options in (first, second):
            limits = self.driver.signal_specs(options)["flow"].limits
            if limits is not None and self.refill_flow > limits.high:
                raise ValueError(f"refill_flow: the pumps do {limits.high:.4g} mL/min at most")
        return self

    @property
    def driver(self) -> Any:
        """Return the class of both pumps."""
        return driver_class(self.of)

    def members(self) -> tuple[DriverOptions, DriverOptions]:
        """Return the options of each pump."""
        options = self.driver.Options
        return options.model_validate(self.first), options.model_validate(self.second)

    def line(self, line: LineSpec) -> LineSpec:
        """Return the line as the members use it, with the rate and echo of the twin."""
        del line  # the members know theirs
        return super().line(self.members()[0].line(self.driver.line))


class TwinPumps(PumpOfSignals):
    """Two syringe pumps that take turns; fills the ``Pump`` role."""

    Options = TwinOptions
    line: ClassVar[LineSpec] = LineSpec(
        codec=lambda _port: LineCodec(b"\r")
    )  # the members' is used

    flow = MethodSignal(float, "mL/min", read="_read_flow", write="_write_flow")
    remaining = MethodSignal(float, "mL", read="_read_remaining", poll_s=5.0)

    def __init__(
        self, name: str, bus: Bus, options: TwinOptions, limits: Mapping[str, Limits]
    ) -> None:
        own = {key: value for key, value in limits.items() if key == "flow"}
        self.pumps = [
            cast("SyringePump", options.driver(name, bus, member, own))
            for member in options.members()
        ]
        super().__init__(name, limits)
        self.options = options
        self._turn = 0  # which one delivers
        self._commanded = 0.0
        self._acting = asyncio.Lock()  # a change of flow and a hand-over exclude each other
        self._filling: asyncio.Task[None] | None = None  # the other's refill; stop() ends it
        self._failed = ""

    @classmethod
    def limits_by(cls, options: TwinOptions) -> Mapping[str, Limits]:
        """Return the flows that the members' options give."""
        known = options.driver.signal_specs(options.members()[0])["flow"].limits
        return {} if known is None else {"flow": known}

    # --- life

    async def identify(self) -> str:
        """Return who both are."""
        first, second = [await pump.identify() for pump in self.pumps]
        return f"twin of {first} and {second}"

    async def prepare(self) -> None:
        """Prepare both; moves nothing."""
        for pump in self.pumps:
            await pump.prepare()

    async def check(self) -> None:
        """Raise DeviceFault for a fault of either, and when the turns have come to an end."""
        for which, pump in enumerate(self.pumps, 1):
            try:
                await pump.check()
            except DeviceFault as error:
                raise DeviceFault(self.name, f"pump {which}: {error.what}") from error
        if self._failed:
            raise DeviceFault(self.name, f"does not take turns any more: {self._failed}")

    async def poll(self, names: Sequence[str]) -> Sequence[Reading]:
        """Read these signals, and see to it that the next hand-over comes in time."""
        readings = await super().poll(names)
        if self._commanded and not self._failed and not self._acting.locked():
            await self._tend()
        return readings

    async def make_safe(self) -> None:
        """Stop both, on the trip lane."""
        await self.stop(Lane.TRIP)

    # --- the pump role

    @property
    def max_flow_ml_min(self) -> float:
        """Return the largest flow that both can deliver and the refill keeps up with."""
        reach = min(pump.max_flow_ml_min for pump in self.pumps)
        return min(self.flow.high, reach, FASTER * self.options.refill_flow)

    @property
    def min_flow_ml_min(self) -> float:
        """Return the smallest flow that both can deliver."""
        return max(pump.min_flow_ml_min for pump in self.pumps)

    @property
    def flow_step_ml_min(self) -> float:
        """Return the coarser of the two steps."""
        return max(pump.flow_step_ml_min for pump in self.pumps)

    def rounded_flow(self, ml_min: float) -> float:
        """Return the nearest flow that the wire can carry."""
        return self.pumps[0].rounded_flow(ml_min)

    async def stop(self, lane: Lane = Lane.COMMAND) -> None:
        """Stop both, each whatever becomes of the other; end a refill."""
        self._commanded = 0.0
        filling, self._filling = self._filling, None
        if filling is not None:
            filling.cancel()
        faults: list[InstrumentError] = []
        for pump in self.pumps:
            try:
                await pump.stop(lane)
            except InstrumentError as error:
                faults.append(error)
        if filling is not None:
            await asyncio.wait([filling], timeout=DAWDLE_S)
        if faults:
            raise faults[0]
        self._failed = ""

    async def _read_flow(self, lane: Lane) -> float:
        readings = [await pump.signals["flow"].read(lane) for pump in self.pumps]
        values = [reading.value for reading in readings]
        if any(value is None for value in values):
            raise BadValue("fault")
        return sum(float(value or 0.0) for value in values)

    async def _read_remaining(self, lane: Lane) -> float:
        del lane
        return sum([await pump.remaining_ml() for pump in self.pumps])

    async def _write_flow(self, ml_min: float, lane: Lane) -> float:
        if ml_min > self.max_flow_ml_min:
            what = f"flow {ml_min:g} mL/min is refused, the largest is {self.max_flow_ml_min:.4g}"
            raise OutOfRange(self.name, f"{what} mL/min (it must be refilled in time)")
        async with self._acting:
            if self._failed:
                raise CommandRejected(self.name, f"stop it first: {self._failed}")
            if ml_min == 0:
                await self.stop(lane)
                return 0.0
            if not self._commanded:
                left = [await pump.remaining_ml() for pump in self.pumps]
                self._turn = left.index(max(left))
            self._commanded = await self.pumps[self._turn].set_flow(ml_min, lane)
            return self._commanded

    # --- turns

    async def _tend(self) -> None:
        """Fill the other when it is idle, and hand over when it is time."""
        active, other = self.pumps[self._turn], self.pumps[1 - self._turn]
        try:
            left = await active.remaining_ml()
            if self._filling is None and await other.remaining_ml() < FULL * other.capacity_ml:
                self._filling = asyncio.create_task(self._fill(other), name=f"fill {self.name}")
        except InstrumentError:
            return  # the next poll asks again
        if 60.0 * left / max(self._commanded, 1e-9) <= self.options.lead_s:
            await self._hand_over()

    async def _fill(self, pump: SyringePump) -> None:
        """Refill one; a failure ends the turns."""
        try:
            volume = pump.capacity_ml - await pump.remaining_ml()
            await pump.refill(volume, self.options.refill_flow)
        except InstrumentError as error:
            self._failed = f"refill: {error.what}"
        self._filling = None

    async def _hand_over(self) -> None:
        """Start the other, then stop the first."""
        async with self._acting:
            if self._filling is not None:
                self._failed = "the other syringe is not full in time"
                return
            first, flow = self.pumps[self._turn], self._commanded
            try:
                await self.pumps[1 - self._turn].set_flow(flow)
                self._turn = 1 - self._turn
                await first.stop()
            except InstrumentError as error:
                self._failed = f"hand-over: {error.what}"
        if not self._commanded:  # stopped meanwhile, by a trip for example
            await self.stop()
