"""The roles of described instruments: what ``[role]`` maps, as methods of their classes."""

import asyncio
from typing import cast

from drivers.described.care import Care
from drivers.described.rows import BoundField
from drivers.errors import Busy, GarbledReply, NoReply, ReadbackMismatch
from drivers.signal import Lane, Limits, Value
from drivers.table import BadValue

LOOK_S = 0.1  # between two looks at a valve that turns


class ThermostatRole(Care):
    """Fills ``drivers.roles.Thermostat``."""

    async def set_temperature(self, degc: float, lane: Lane = Lane.COMMAND) -> float:
        """Set the setpoint, confirm it, switch control on; return the read-back, degC."""
        role = self.description.role
        held = await self.part(role.setpoint).set(degc, lane)
        if self.has(role.running):
            await self.part(role.running).set(True, lane)
        return float(held.value or 0.0)  # set() has compared it: it is a number

    async def heat_off(self, lane: Lane = Lane.COMMAND) -> None:
        """Switch control off, again while that is not confirmed."""
        if self.has(self.description.role.running):
            await self.assure(self.description.role.running, False, lane)
        else:
            await self.safe(lane)
        if lane is not Lane.TRIP:
            self.forget_alarm()


class PumpRole(Care):
    """Fills ``drivers.roles.Pump``; ``flow`` is what is delivered: 0 while it does not run."""

    @property
    def _rate(self) -> BoundField:
        return cast("BoundField", self.part(self.description.role.flow))

    @property
    def _limits(self) -> Limits:
        """Return the limits in force of the flow."""
        limits = self.part("flow").spec.limits
        return limits or Limits(0.0, 0.0)

    @property
    def max_flow_ml_min(self) -> float:
        """Return the largest flow that can be set now."""
        return self._limits.high

    @property
    def min_flow_ml_min(self) -> float:
        """Return one step of the setpoint, or the lower limit."""
        return max(self.flow_step_ml_min, self._limits.low)

    @property
    def flow_step_ml_min(self) -> float:
        """Return the resolution of the setpoint as its text has it."""
        rate = self._rate
        drawn = self.description.role.flow
        book = getattr(self, "book", None)
        if book is None:
            return 1e-6
        return rate.place.form.step(book.writers[drawn].send.slot(drawn).picture)

    def rounded_flow(self, ml_min: float) -> float:
        """Return the nearest flow that the text can carry."""
        return float(self._rate.wire(ml_min)[1])

    async def set_flow(self, ml_min: float, lane: Lane = Lane.COMMAND) -> float:
        """Deliver this flow from now on; 0 stops. Return the read-back, mL/min."""
        return float((await self.part("flow").set(ml_min, lane)).value or 0.0)

    async def stop(self, lane: Lane = Lane.COMMAND) -> None:
        """Stop, again while that is not confirmed."""
        role = self.description.role
        if self.has(role.running):
            await self.assure(role.running, False, lane)
        else:
            await self.assure(role.flow, 0.0, lane)
        if lane is not Lane.TRIP:
            self.forget_alarm()

    async def read_delivered(self, lane: Lane) -> float:
        """Return the rate while it runs, else 0; raise BadValue when one of them is not known."""
        role = self.description.role
        found = await self.gathered((role.flow, role.running), lane, strict=True)
        rate, running = found[role.flow], found[role.running]
        if rate.value is None or running.value is None:
            raise BadValue(rate.reason or running.reason)
        return float(rate.value) if running.value else 0.0

    async def write_delivered(self, ml_min: Value, lane: Lane) -> float:
        """Confirm the rate before the pump is started; 0 stops it."""
        role = self.description.role
        if ml_min == 0:
            await self.stop(lane)
            return 0.0
        held = await self.part(role.flow).set(ml_min, lane)
        await self.part(role.running).set(True, lane)
        return float(held.value or 0.0)


class ValveRole(Care):
    """Fills ``drivers.roles.Valve``."""

    @property
    def positions(self) -> int:
        """Return how many positions there are: the upper limit of the field."""
        limits = self.part(self.description.role.position).spec.limits
        return int(limits.high) if limits else 0

    async def turn(self, position: int, lane: Lane = Lane.COMMAND) -> int:
        """Turn to this position, wait until it is there, return the read-back."""
        signal = self.part(self.description.role.position)
        sent = await signal.store(signal.checked(position), lane)
        loop = asyncio.get_running_loop()
        until = loop.time() + self.description.role.travel_s
        while True:
            try:
                reading = await signal.read(lane)
                signal.confirm(sent, reading)
            except (ReadbackMismatch, Busy, NoReply, GarbledReply):
                if loop.time() >= until:
                    raise
                await asyncio.sleep(LOOK_S)
            else:
                return int(reading.value or 0)


ROLES: dict[str, type[Care] | None] = {
    "thermostat": ThermostatRole,
    "pump": PumpRole,
    "valve": ValveRole,
    "sensor": None,
}
