"""What pumps have in common whose ``flow`` is a signal of their table: the rest of their role.

Each comes beside the class that speaks: ``class MyPump(MyWire, SyringeOfSignals)``. The driver adds
``stop``, ``min_flow_ml_min``, ``flow_step_ml_min``, ``rounded_flow``, and ``refill`` of a syringe.
"""

from abc import abstractmethod
from typing import Any

from drivers.errors import OutOfRange
from drivers.signal import Lane
from drivers.table import TableInstrument


class PumpOfSignals(TableInstrument):
    """Fills the ``Pump`` role by the signal ``flow``, which the options may bound."""

    @property
    def max_flow_ml_min(self) -> float:
        """Return the largest flow within the limits."""
        return self.bound["flow"].high

    @property
    @abstractmethod
    def min_flow_ml_min(self) -> float:
        """Return the smallest flow above 0."""

    @abstractmethod
    async def stop(self, lane: Lane = Lane.COMMAND) -> None:
        """Stop, and see that it stands."""

    async def set_flow(self, ml_min: float, lane: Lane = Lane.COMMAND) -> float:
        """Deliver this flow from now on (of a syringe: until it is empty); 0 stops.

        Return the read-back.
        """
        if ml_min == 0 and not isinstance(ml_min, bool):  # stopping is never out of range
            await self.stop(lane)
            return 0.0
        return float((await self.bound["flow"].set(ml_min, lane)).value or 0.0)

    def flow_refused(self, ml_min: float) -> OutOfRange:
        """Return the refusal of a flow that is neither 0 nor one the pump can deliver."""
        bounds = f"[{self.min_flow_ml_min:.4g}, {self.max_flow_ml_min:.4g}]"
        what = f"flow {ml_min:g} mL/min is refused, limits are 0 or {bounds} mL/min"
        return OutOfRange(self.name, what)


class SyringeOfSignals(PumpOfSignals):
    """Fills the ``SyringePump`` role, by ``dispensed`` and ``remaining`` as well."""

    options: Any  # those of the driver, with a ``syringe``

    @property
    def capacity_ml(self) -> float:
        """Return the volume of the full syringe."""
        return float(self.options.syringe.volume_ml)

    async def dispensed_ml(self) -> float:
        """Return the volume dispensed since the last fill."""
        return float(await self.bound["dispensed"].fetch(Lane.COMMAND))

    async def remaining_ml(self) -> float:
        """Return what is left in the syringe."""
        return float(await self.bound["remaining"].fetch(Lane.COMMAND))

    def require_room(self, volume_ml: float, room_ml: float) -> None:
        """Raise OutOfRange unless a volume can be drawn; a thousandth too much is rounding."""
        if not 0 < volume_ml <= room_ml * 1.001 + 1e-3:
            what = f"cannot draw {volume_ml:g} mL, there is room for {room_ml:.4g} mL"
            raise OutOfRange(self.name, what)

    def require_refill_flow(self, ml_min: float, low: float, high: float) -> None:
        """Raise OutOfRange unless the plunger can be drawn at this flow."""
        if not low <= ml_min <= high:
            what = f"refill at {ml_min:g} mL/min is refused"
            raise OutOfRange(self.name, f"{what}, limits are [{low:.4g}, {high:.4g}] mL/min")
