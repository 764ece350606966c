"""Syringes: what a syringe pump is told about its own, and the account of what is in it."""

from dataclasses import dataclass
from math import pi
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Syringe(BaseModel):
    """The syringe in the pump."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    diameter_mm: Annotated[float, Field(ge=0.1, le=50)]  # inner
    volume_ml: Annotated[float, Field(gt=0, le=1000)]  # when full
    filled_ml: Annotated[float, Field(ge=0)] | None = None  # at the start; None: full

    @property
    def area_cm2(self) -> float:
        """Return the cross-section of the barrel, cm2."""
        return pi * (self.diameter_mm / 20.0) ** 2


@dataclass
class Ledger:
    """What is in the syringe, from the pump's counters; survives their being reset. mL."""

    level: float  # when the counters were last known to be zero
    capacity: float
    since_fill: float = 0.0  # infused between the last fill and that moment
    infused: float = 0.0
    withdrawn: float = 0.0

    def update(self, infused: float, withdrawn: float) -> None:
        """Take the counters; one that went back has been reset by the pump."""
        if infused < self.infused or withdrawn < self.withdrawn:
            self.fold()
        self.infused, self.withdrawn = infused, withdrawn

    def fold(self) -> None:
        """Begin again at counters of zero."""
        self.level, self.since_fill = self.remaining, self.dispensed
        self.infused = self.withdrawn = 0.0

    @property
    def remaining(self) -> float:
        """Return what is left in the syringe."""
        return min(max(self.level + self.withdrawn - self.infused, 0.0), self.capacity)

    @property
    def dispensed(self) -> float:
        """Return what was infused since the last fill."""
        return self.since_fill + self.infused
