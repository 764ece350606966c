"""What a configuration says of an instrument that publishes over MQTT, and what is usual."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from drivers.options import DriverOptions

Style = Literal["spectra", "tasmota", "esphome"]


class PushedSource(BaseModel):
    """One signal: where it is published, and what it means."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    path: Annotated[str, Field(min_length=1, max_length=256)]
    unit: str = ""
    kind: Literal["float", "int", "bool", "str"] = "float"
    scale: float = 1.0  # unit of the signal per unit published


class MqttOptions(DriverOptions):
    """Options of an instrument that publishes."""

    timeout_s: Annotated[float, Field(gt=0, le=600)] = (
        10.0  # for presence, and beyond a scan's time
    )
    style: Style = "spectra"
    topic: str | None = None  # default: the port
    signals: Mapping[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], PushedSource] = Field(
        default_factory=dict[str, PushedSource]
    )
    period_s: Annotated[float, Field(ge=0)] | None = None  # between publications; None: usual
    scan_s: Annotated[float, Field(gt=0)] = 10.0  # of one measurement
    triggered: bool = True  # spectra: scans are asked for; else they come by themselves


STATE: Mapping[str, PushedSource] = {"state": PushedSource(path="status", kind="str")}
USUAL_PERIOD_S: Mapping[Style, float] = {"spectra": 0.0, "tasmota": 300.0, "esphome": 60.0}
