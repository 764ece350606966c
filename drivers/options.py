"""Options of a driver: what the configuration may say beyond driver, port and limits."""

from dataclasses import replace
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from drivers.transport.base import LineSpec


class DriverOptions(BaseModel):
    """The base; unknown keys are errors, because a typo must not become a default."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    timeout_s: Annotated[float, Field(gt=0, le=60)] = 1.0  # for one reply, s

    def line(self, line: LineSpec) -> LineSpec:
        """Return the driver's line as these options change it."""
        return line

    @property
    def place(self) -> object:
        """Return what tells the instrument from the others on its line; None: it is alone."""
        return getattr(self, "address", None)


class SerialOptions(DriverOptions):
    """Options of instruments that can hang on a serial port."""

    baud_rate: Annotated[int, Field(ge=300, le=1_000_000)] | None = None  # None: the driver's
    echo: bool = False  # a two-wire RS-485 converter returns our own bytes

    def line(self, line: LineSpec) -> LineSpec:
        """Return the driver's line with the configured rate and echo."""
        return replace(line, baud_rate=self.baud_rate or line.baud_rate, echo=self.echo)
